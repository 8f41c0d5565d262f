/* CIFAR: what is read is written again as CIFAR-10 or CIFAR-100, planes apart; and the file of
 * class names. */
#include "data/cifar.h"
#include "fuzz_table.h"

enum { PLANE = 1024, COLOURS = 3, PIXELS = COLOURS * PLANE };

/* As table_read(), by the name that this format needs. */
static bool read_bin(const void *data, size_t n, const struct crew_read_how *how,
                     struct crew_table *t)
{
    char path[] = "/nowhere/input.bin";
    struct crew_source in = {.path = path, .data = fuzz_text(data, n), .size = n};
    struct crew_error err = {0};
    *t = (struct crew_table){0};
    bool ok = n && crew_cifar_reader.detect(&in);
    if (ok)
        ok = fuzz_accepted(crew_cifar_reader.read(&in, how, t, &err), &err);
    path[sizeof path - 2] = 'm'; /* and is not read by another */
    FUZZ_CHECK(!crew_cifar_reader.detect(&in));
    free(in.data);
    if (!ok)
        crew_table_free(t);
    return ok;
}

static void write_and_read(const struct crew_table *t, const struct crew_read_how *how)
{
    size_t labels = t->names.n == 10 ? 1 : 2, n = t->rows * (labels + PIXELS);
    uint8_t *bytes = malloc(n), *to = bytes;
    struct crew_table again;
    FUZZ_CHECK(bytes);
    for (size_t r = 0; r < t->rows; r++) {
        if (labels == 2)
            *to++ = 19; /* which of the coarse ones is forgotten */
        *to++ = (uint8_t)t->label[r];
        for (uint32_t c = 0; c < COLOURS; c++)
            for (uint32_t p = 0; p < PLANE; p++)
                *to++ = t->byte[r * PIXELS + p * COLOURS + c];
    }
    if (!read_bin(bytes, n, how, &again))
        fuzz_fail("what was written is refused");
    table_same(t, &again);
    crew_table_free(&again);
    free(bytes);
}

static bool names(const uint8_t *data, size_t n, uint32_t classes)
{
    struct crew_names found;
    char *text = fuzz_text(data, n);
    bool good = crew_cifar_names(text, n, classes, &found) == CREW_OK;
    FUZZ_CHECK(good ? found.n == classes : !found.n && !found.name);
    for (uint32_t i = 0; i < found.n; i++)
        FUZZ_CHECK(*found.name[i] &&
                   crew_names_find(&found, found.name[i], strlen(found.name[i])) == i);
    crew_names_free(&found);
    free(text);
    return good;
}

static bool run(const uint8_t *data, size_t n)
{
    static const struct crew_read_how how = {.max_bytes = 1 << 20};
    struct crew_table t;
    bool accepted = names(data, n, 10);
    accepted |= names(data, n, 100);
    if (!read_bin(data, n, &how, &t))
        return accepted;
    table_check(&t, &how);
    FUZZ_CHECK(t.features == PIXELS && t.label && (t.names.n == 10 || t.names.n == 100));
    write_and_read(&t, &how);
    crew_table_free(&t);
    return true;
}

const struct fuzz_target fuzz_target = {
    .name = "cifar", .run = run, .bytes_each = 12, .bytes_more = 1 << 16};
