/* CSV: what is read is written again as CSV with a header, every label in quotes. */
#include "fuzz_table.h"

/* Is the header known for one? It names the label, or stands above a number. */
static bool header_shows(const struct crew_table *t)
{
    bool shows = t->label != NULL;
    for (uint32_t j = 0; j < t->features; j++)
        shows |= !isnan(t->x[j]);
    return shows;
}

static void put_text(FILE *to, const char *s)
{
    fputc('"', to);
    for (; *s; s++) {
        if (*s == '"')
            fputc('"', to);
        fputc(*s, to);
    }
    fputc('"', to);
}

static void write_and_read(const struct crew_table *t, const struct crew_read_how *how)
{
    struct crew_read_how again = *how;
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    FUZZ_CHECK(to);
    for (uint32_t j = 0; j < t->features; j++)
        fprintf(to, "f%u%s", j, j + 1 < t->features || t->label ? "," : "\n");
    fputs(t->label ? "label\n" : "", to);
    for (size_t i = 0; i < t->rows; i++) {
        for (uint32_t j = 0; j < t->features; j++) {
            float x = t->x[i * t->features + j];
            fprintf(to, isnan(x) ? "?" : "%.9g", (double)x);
            fputs(j + 1 < t->features || t->label ? "," : "\r\n", to);
        }
        if (t->label) {
            put_text(to, t->names.name[t->label[i]]);
            fputs("\r\n", to);
        }
    }
    FUZZ_CHECK(fclose(to) == 0);
    again.label = t->label ? NULL : "none";
    if (header_shows(t))
        table_again(&crew_csv_reader, text, n, &again, t);
    else
        free(text);
}

static bool run(const uint8_t *data, size_t n)
{
    static const char *const labels[] = {NULL, "none", "1", "last", "y"};
    bool accepted = false;
    for (size_t k = 0; k < 5; k++) {
        struct crew_read_how how = table_hows[k % 2];
        struct crew_table t;
        how.label = labels[k];
        how.features = k == 3 ? 2 : 0;
        if (!table_read(&crew_csv_reader, data, n, &how, &t))
            continue;
        accepted = true;
        table_check(&t, &how);
        FUZZ_CHECK(t.features && t.names.n <= CREW_MAX_CLASSES);
        /* Classes that a first line lists are numbers below; the others are what rows say. */
        if (!t.names_in_order)
            write_and_read(&t, &how);
        crew_table_free(&t);
    }
    return accepted;
}

/* A line of delimiters takes 16 bytes for each; a copy of the text, the numbers, labels. */
const struct fuzz_target fuzz_target = {
    .name = "csv", .run = run, .bytes_each = 80, .bytes_more = 16384};
