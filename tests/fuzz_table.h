/* For the targets of data readers: bytes in, a table out, and the same table again from what
 * the target writes. */
#ifndef CREW_TESTS_FUZZ_TABLE_H
#define CREW_TESTS_FUZZ_TABLE_H

#include "base/bytes.h"
#include "data/table.h"
#include "fuzz.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* All of a table as a number, one NaN for all of them; 0: there is none. */
static inline uint64_t table_digest(const struct crew_table *t)
{
    uint64_t h = t->rows ? CREW_HASH_INIT : 0;
    for (size_t i = 0; i < t->rows * t->features; i++) {
        float v = crew_table_value(t, i);
        v = isnan(v) ? NAN : v;
        h = crew_hash(h, &v, sizeof v);
    }
    for (size_t i = 0; t->label && i < t->rows; i++)
        h = crew_hash(h, t->names.name[t->label[i]], strlen(t->names.name[t->label[i]]) + 1);
    return h;
}

/* The digest when the bytes are mapped, for a reader who can do with that. *mapped: do the rows
 * stay there? */
static inline uint64_t table_mapped(const struct crew_reader *reader, const void *data,
                                    size_t n, const struct crew_read_how *how, bool *mapped)
{
    struct crew_source in = {.path = "input", .size = n};
    struct crew_read_how map = *how;
    struct crew_table t = {0};
    struct crew_error err = {0};
    *mapped = false;
    if (!reader->binary || !n)
        return 0;
    in.map.base = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FUZZ_CHECK(in.map.base != MAP_FAILED);
    in.map.bytes = n;
    in.data = in.map.base;
    memcpy(in.data, data, n);
    FUZZ_CHECK(mprotect(in.data, n, PROT_READ) == 0);
    map.map = CREW_MAP_AUTO;
    bool ok = reader->detect(&in) && fuzz_accepted(reader->read(&in, &map, &t, &err), &err);
    uint64_t digest = ok ? table_digest(&t) : 0;
    *mapped = ok && t.map.base;
    crew_source_close(&in);
    crew_table_free(&t);
    return digest;
}

/* Read a copy of the bytes, as crew_table_read() does. What was refused is freed. */
static inline bool table_read(const struct crew_reader *reader, const void *data, size_t n,
                              const struct crew_read_how *how, struct crew_table *t)
{
    bool mapped;
    uint64_t digest = table_mapped(reader, data, n, how, &mapped);
    struct crew_source in = {.path = "input", .data = fuzz_text(data, n), .size = n};
    struct crew_error err = {0};
    *t = (struct crew_table){0};
    bool ok = n && reader->detect(&in);
    if (ok)
        ok = fuzz_accepted(reader->read(&in, how, t, &err), &err);
    free(in.data);
    if (!ok)
        crew_table_free(t);
    /* What does not fit into memory may be mapped still. */
    FUZZ_CHECK(!reader->binary || digest == table_digest(t) || (!ok && mapped));
    return ok;
}

/* What every reader promises of a table. */
static inline void table_check(const struct crew_table *t, const struct crew_read_how *how)
{
    uint32_t used = 0;
    FUZZ_CHECK(t->rows >= 1 && t->rows <= UINT32_MAX && t->unit);
    FUZZ_CHECK((t->features != 0) == ((t->x != NULL) + (t->byte != NULL)));
    FUZZ_CHECK((uint64_t)t->height * t->width * t->depth == t->features);
    FUZZ_CHECK(t->label || t->features);
    for (size_t i = 0; i < t->rows * t->features; i++)
        FUZZ_CHECK(isfinite(crew_table_value(t, i)) ||
                   (isnan(t->x[i]) && how->missing != CREW_MISSING_REFUSE));
    for (size_t i = 0; t->label && i < t->rows; i++) {
        FUZZ_CHECK(t->label[i] < t->names.n);
        used = t->label[i] >= used ? t->label[i] + 1 : used;
    }
    FUZZ_CHECK(used == t->names.n || t->names_in_order);
    for (uint32_t k = 0; k < t->names.n; k++) {
        const char *name = t->names.name[k];
        FUZZ_CHECK(crew_names_find(&t->names, name, strlen(name)) == k);
    }
}

/* Numbers to the bit, but one NaN is as missing as another; labels by name. */
static inline void table_same(const struct crew_table *a, const struct crew_table *b)
{
    FUZZ_CHECK(a->rows == b->rows && a->features == b->features);
    FUZZ_CHECK((a->label != NULL) == (b->label != NULL));
    for (size_t i = 0; i < a->rows * a->features; i++) {
        float x = crew_table_value(a, i), y = crew_table_value(b, i);
        FUZZ_CHECK(memcmp(&x, &y, sizeof x) == 0 || (isnan(x) && isnan(y)));
    }
    for (size_t i = 0; a->label && i < a->rows; i++)
        FUZZ_CHECK(!strcmp(a->names.name[a->label[i]], b->names.name[b->label[i]]));
}

/* The table again from bytes [n] in the reader's format, freed with them. */
static inline void table_again(const struct crew_reader *reader, char *bytes, size_t n,
                               const struct crew_read_how *how, const struct crew_table *t)
{
    struct crew_table again;
    if (!table_read(reader, bytes, n, how, &again))
        fuzz_fail("what was written is refused: %.200s", bytes);
    table_same(t, &again);
    crew_table_free(&again);
    free(bytes);
}

/* Ways to read, of which an input takes all. max_bytes is small: a sparse row of sixteen
 * million features is not what is looked for. */
static const struct crew_read_how table_hows[] = {
    {.max_bytes = 1 << 16},
    {.max_bytes = 1 << 16,
     .missing = CREW_MISSING_ZERO,
     .labels_optional = true,
     .features = 3},
};

/* One array a file: rows or labels. Each way that takes the input is written and read again. */
static inline bool
table_run_array(const struct crew_reader *reader, const uint8_t *data, size_t n,
                void write_and_read(const struct crew_table *, const struct crew_read_how *))
{
    bool accepted = false;
    for (size_t k = 0; k < sizeof table_hows / sizeof *table_hows; k++) {
        struct crew_table t;
        if (!table_read(reader, data, n, &table_hows[k], &t))
            continue;
        accepted = true;
        table_check(&t, &table_hows[k]);
        FUZZ_CHECK(!t.label || !t.features);
        write_and_read(&t, &table_hows[k]);
        crew_table_free(&t);
    }
    return accepted;
}

#endif
