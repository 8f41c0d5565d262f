/* safetensors: what is read is written again, and is the same then. */
#include "base/bytes.h"
#include "base/mem.h"
#include "fuzz.h"
#include "train/safetensors.h"
#include <jansson.h>
#include <stdlib.h>

/* The tensor of that name, whatever its type. */
static const struct crew_st_tensor *find(const crew_st_file *f, const char *name)
{
    const struct crew_st_tensor *t = crew_st_find(f, name, CREW_ST_F32);
    t = t ? t : crew_st_find(f, name, CREW_ST_F64);
    t = t ? t : crew_st_find(f, name, CREW_ST_I64);
    return t ? t : crew_st_find(f, name, CREW_ST_U8);
}

static size_t bytes_of(const struct crew_st_tensor *t)
{
    return t->count * (t->type == CREW_ST_U8 ? 1 : t->type == CREW_ST_F32 ? 4 : 8);
}

static void check_tensor(const struct crew_st_tensor *t, size_t n)
{
    size_t count = 1;
    FUZZ_CHECK(t && t->n_dims <= 4);
    for (uint32_t d = 0; d < t->n_dims; d++)
        FUZZ_CHECK(crew_mul(count, (size_t)t->dims[d], &count));
    FUZZ_CHECK(count == t->count && bytes_of(t) <= n);
    (void)crew_hash(CREW_HASH_INIT, t->data, bytes_of(t)); /* all of it may be read */
}

/* Do two of them share a byte? */
static bool overlap(const struct crew_st_tensor *a, const struct crew_st_tensor *b)
{
    const char *x = a->data, *y = b->data;
    return a != b && bytes_of(a) && bytes_of(b) && x < y + bytes_of(b) && y < x + bytes_of(a);
}

static void check_tensors(const crew_st_file *f, json_t *header, size_t bytes)
{
    size_t used = 0;
    const char *name, *other;
    json_t *value, *ignored;
    json_object_foreach(header, name, value)
    {
        if (!strcmp(name, "__metadata__"))
            continue;
        check_tensor(find(f, name), bytes);
        used += bytes_of(find(f, name));
        json_object_foreach(header, other, ignored)
        {
            if (strcmp(other, "__metadata__"))
                FUZZ_CHECK(!overlap(find(f, name), find(f, other)));
        }
    }
    FUZZ_CHECK(used == bytes);
}

static void same(const crew_st_file *a, const crew_st_file *b, const char *name)
{
    const struct crew_st_tensor *x = find(a, name), *y = find(b, name);
    FUZZ_CHECK(y && x->type == y->type && x->n_dims == y->n_dims && x->count == y->count);
    FUZZ_CHECK(memcmp(x->dims, y->dims, x->n_dims * sizeof *x->dims) == 0);
    FUZZ_CHECK(!x->count || memcmp(x->data, y->data, bytes_of(x)) == 0);
}

/* Its header once more, by the JSON library alone: the reader shows what it is asked for. */
static void write_and_read(const crew_st_file *f, json_t *header)
{
    json_t *about = json_object_get(header, "__metadata__"), *value;
    size_t most = json_object_size(header) + 1, n = 0, m = 0;
    struct crew_st_tensor *tensor = calloc(most, sizeof *tensor);
    struct crew_st_meta *meta = calloc(json_object_size(about) + 1, sizeof *meta);
    struct crew_error err = {0};
    crew_st_file *again;
    const char *name, *path = fuzz_path("again.safetensors");
    FUZZ_CHECK(tensor && meta);
    json_object_foreach(about, name, value)
    {
        const char *text = crew_st_meta(f, name);
        FUZZ_CHECK(json_is_string(value) ? text && !strcmp(text, json_string_value(value))
                                         : !text);
        if (text)
            meta[m++] = (struct crew_st_meta){name, text};
    }
    bool sealed = crew_st_sealed(f);
    json_object_foreach(header, name, value)
    {
        if (strcmp(name, "__metadata__") && !(sealed && !strcmp(name, "checksum")))
            tensor[n++] = *find(f, name);
    }
    if (!fuzz_accepted(crew_st_write(path, true, sealed, meta, m, tensor, n, &err), &err) ||
        !fuzz_accepted(crew_st_read(path, &again, &err), &err))
        fuzz_fail("%s", err.text);
    for (size_t i = 0; i < n; i++)
        same(f, again, tensor[i].name);
    for (size_t i = 0; i < m; i++)
        FUZZ_CHECK(!strcmp(meta[i].value, crew_st_meta(again, meta[i].key)));
    FUZZ_CHECK(crew_st_sealed(again) == sealed);
    crew_st_close(again);
    free(tensor);
    free(meta);
}

static bool run(const uint8_t *data, size_t n)
{
    crew_st_file *f;
    struct crew_error err = {0};
    if (!fuzz_accepted(crew_st_read(fuzz_file(data, n), &f, &err), &err))
        return false;
    json_t *header = json_loadb((const char *)data + 8, (size_t)crew_le64(data), 0, NULL);
    check_tensors(f, header, n - 8 - (size_t)crew_le64(data));
    write_and_read(f, header);
    json_decref(header);
    crew_st_close(f);
    return true;
}

/* JSON of a header takes up to eighty bytes for one; the header here twice. */
const struct fuzz_target fuzz_target = {
    .name = "safetensors", .run = run, .bytes_each = 200, .bytes_more = 32768};
