/* libsvm: what is read is written again, every feature named, labels as they are called. */
#include "fuzz_table.h"

static void write_and_read(const struct crew_table *t, const struct crew_read_how *how)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    FUZZ_CHECK(to);
    for (size_t i = 0; i < t->rows; i++) {
        if (t->label)
            fputs(t->names.name[t->label[i]], to);
        for (uint32_t j = 0; j < t->features; j++)
            fprintf(to, " %u:%.9g", j + 1, (double)t->x[i * t->features + j]);
        fputs(" # a row\n", to);
    }
    FUZZ_CHECK(fclose(to) == 0);
    table_again(&crew_libsvm_reader, text, n, how, t);
}

static bool run(const uint8_t *data, size_t n)
{
    bool accepted = false;
    for (size_t k = 0; k < sizeof table_hows / sizeof *table_hows; k++) {
        struct crew_table t;
        if (!table_read(&crew_libsvm_reader, data, n, &table_hows[k], &t))
            continue;
        accepted = true;
        table_check(&t, &table_hows[k]);
        if (t.features)
            write_and_read(&t, &table_hows[k]);
        crew_table_free(&t);
    }
    return accepted;
}

/* Rows are few bytes and many features: here max_bytes is what bounds memory, once more for
 * the text that the target writes. */
const struct fuzz_target fuzz_target = {
    .name = "libsvm", .run = run, .bytes_each = 80, .bytes_more = (1 << 16) * 8};
