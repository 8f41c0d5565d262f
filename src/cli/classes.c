#include "cli/classes.h"
#include "cli/json.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MOST_COLUMNS = 30, LINE = 100, NAME = 16, WORST = 20 };

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : (double)NAN;
}

void class_figures(const uint64_t *count, uint32_t classes, struct class_figures *out)
{
    memset(out, 0, classes * sizeof *out);
    for (uint32_t i = 0; i < classes; i++)
        for (uint32_t j = 0; j < classes; j++) {
            uint64_t n = count[(size_t)i * classes + j];
            out[i].support += n;
            out[j].predicted += n;
            out[i].hits += i == j ? n : 0;
        }
    for (uint32_t i = 0; i < classes; i++) {
        struct class_figures *f = &out[i];
        f->precision = share(f->hits, f->predicted);
        f->recall = share(f->hits, f->support);
        f->f1 = share(2 * f->hits, f->predicted + f->support); /* the harmonic mean of both */
    }
}

static void print_share(FILE *to, double v)
{
    if (isfinite(v))
        fprintf(to, " %9.4f", v);
    else
        fprintf(to, " %9s", "-");
}

/* The mean over classes in which it is defined. */
static double mean(const struct class_figures *f, uint32_t classes, size_t offset)
{
    double sum = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < classes; i++) {
        double v = *(const double *)(const void *)((const char *)&f[i] + offset);
        sum += isfinite(v) ? v : 0;
        n += isfinite(v) != 0;
    }
    return n ? sum / n : (double)NAN;
}

void print_classes(FILE *to, const struct query *q, const struct class_figures *figures)
{
    uint32_t classes = q->model.shape.classes;
    char number[16];
    fprintf(to, "\n%-*s %9s %9s %9s %10s\n", NAME, "class", "precision", "recall", "F1",
            "support");
    for (uint32_t i = 0; i < classes; i++) {
        const struct class_figures *f = &figures[i];
        print_cell(to, query_class(q, i, number), NAME, false);
        print_share(to, f->precision);
        print_share(to, f->recall);
        print_share(to, f->f1);
        fprintf(to, " %10" PRIu64 "\n", f->support);
    }
    fprintf(to, "%-*s", NAME, "mean of classes");
    print_share(to, mean(figures, classes, offsetof(struct class_figures, precision)));
    print_share(to, mean(figures, classes, offsetof(struct class_figures, recall)));
    print_share(to, mean(figures, classes, offsetof(struct class_figures, f1)));
    fprintf(to, " %10" PRIu64 "\n", (uint64_t)q->rows.rows);
}

static void print_matrix(FILE *to, const struct query *q, const uint64_t *count)
{
    uint32_t classes = q->model.shape.classes;
    int most = (LINE - NAME) / (int)classes - 1, width = 1;
    char number[24];
    for (uint32_t i = 0; i < classes;
         i++) { /* as narrow as the names allow, as wide as counts need */
        int n = (int)strlen(query_class(q, i, number));
        width = n > width ? n : width;
    }
    width = width < most ? width : most;
    for (size_t i = 0; i < (size_t)classes * classes; i++) {
        int n = snprintf(number, sizeof number, "%" PRIu64, count[i]);
        width = n > width ? n : width;
    }
    fprintf(to, "\n%-*s", NAME, "true, predicted:");
    for (uint32_t j = 0; j < classes; j++) {
        fputc(' ', to);
        print_cell(to, query_class(q, j, number), width, true);
    }
    for (uint32_t i = 0; i < classes; i++) {
        fputc('\n', to);
        print_cell(to, query_class(q, i, number), NAME, false);
        for (uint32_t j = 0; j < classes; j++) {
            uint64_t n = count[(size_t)i * classes + j];
            if (n)
                fprintf(to, " %*" PRIu64, width, n);
            else
                fprintf(to, " %*s", width, ".");
        }
    }
    fputc('\n', to);
}

/* Index of the largest count off the diagonal that comes after `last` in the order: more first,
 * then by index. */
static size_t next_worst(const uint64_t *count, uint32_t classes, size_t last,
                         uint64_t last_count)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < (size_t)classes * classes; i++) {
        bool after = count[i] < last_count || (count[i] == last_count && i > last);
        if (i / classes != i % classes && count[i] && after &&
            (best == SIZE_MAX || count[i] > count[best]))
            best = i;
    }
    return best;
}

static void print_worst(FILE *to, const struct query *q, const uint64_t *count,
                        const struct class_figures *figures)
{
    uint32_t classes = q->model.shape.classes;
    uint64_t last_count = UINT64_MAX;
    char number[16];
    fprintf(to, "\nlargest confusions\n%-*s  %-*s %10s %8s\n", NAME, "true", NAME, "predicted",
            "rows", "of true");
    for (size_t k = 0, at = 0; k < WORST; k++) {
        at = next_worst(count, classes, at, last_count);
        if (at == SIZE_MAX)
            break;
        last_count = count[at];
        print_cell(to, query_class(q, (uint32_t)(at / classes), number), NAME, false);
        fputs("  ", to);
        print_cell(to, query_class(q, (uint32_t)(at % classes), number), NAME, false);
        fprintf(to, " %10" PRIu64 " %7.1f%%\n", last_count,
                100 * share(last_count, figures[at / classes].support));
    }
}

void print_confusion(FILE *to, const struct query *q, const uint64_t *count,
                     const struct class_figures *figures)
{
    if (q->model.shape.classes <= MOST_COLUMNS)
        print_matrix(to, q, count);
    else
        print_worst(to, q, count, figures);
}

json_t *classes_as_json(const struct query *q, const struct class_figures *figures)
{
    json_t *list = json_array();
    char number[16];
    for (uint32_t i = 0; i < q->model.shape.classes; i++) {
        const struct class_figures *f = &figures[i];
        json_array_append_new(
            list,
            json_pack("{s:s, s:o, s:o, s:o, s:I, s:I}", "class", query_class(q, i, number),
                      "precision", real_or_null(f->precision), "recall",
                      real_or_null(f->recall), "f1", real_or_null(f->f1), "support",
                      (json_int_t)f->support, "predicted", (json_int_t)f->predicted));
    }
    return list;
}

json_t *confusion_as_json(const struct query *q, const uint64_t *count)
{
    uint32_t classes = q->model.shape.classes;
    json_t *table = json_array();
    for (uint32_t i = 0; i < classes; i++) {
        json_t *row = json_array();
        for (uint32_t j = 0; j < classes; j++)
            json_array_append_new(row,
                                  json_integer((json_int_t)count[(size_t)i * classes + j]));
        json_array_append_new(table, row);
    }
    return table;
}
