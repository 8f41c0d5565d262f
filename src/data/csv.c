/* CSV as people have it: a header or none, labels as numbers or text in any column, missing
 * values, scikit-learn's line of counts and class names. */
#include "base/error.h"
#include "base/mem.h"
#include "data/fields.h"
#include "data/number.h"
#include "data/table.h"
#include <math.h>
#include <string.h>
#include <strings.h>

enum { NO_COLUMN = CREW_MAX_FEATURES + 1 };

/* Reading one file. */
struct csv {
    struct crew_text text;
    struct crew_fields head; /* first record: a header, counts, or the first row */
    struct crew_fields row;  /* the one at hand */
    bool has_header;
    uint64_t promised;     /* rows by the line of counts, or 0 */
    size_t columns, label; /* label: column from 0, or NO_COLUMN */
    const struct crew_read_how *how;
    struct crew_table *out;
};

static bool is_text(struct crew_field f, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(f.end - f.p) == n && strncasecmp(f.p, text, n) == 0;
}

static bool is_any(struct crew_field f, const char *const *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_text(f, text[i]))
            return true;
    }
    return false;
}

static bool is_missing(struct crew_field f)
{
    static const char *const spelling[] = {"?", "NA", "N/A", "NaN", "null"};
    return f.p == f.end || is_any(f, spelling, sizeof spelling / sizeof *spelling);
}

static bool is_number(struct crew_field f)
{
    double x;
    return crew_parse_real(f.p, f.end, &x);
}

static bool is_label_name(struct crew_field f)
{
    static const char *const usual[] = {"label", "class", "target", "y"};
    return is_any(f, usual, sizeof usual / sizeof *usual);
}

/* "150,4,setosa,versicolor,virginica" above rows of 5 numbers. */
static bool is_counts(const struct csv *c, uint64_t *rows)
{
    const struct crew_field *f = c->head.field;
    double n, k;
    if (c->head.n < 3 || !crew_parse_real(f[0].p, f[0].end, &n) ||
        !crew_parse_real(f[1].p, f[1].end, &k) || k + 1 != (double)c->row.n ||
        !(n >= 1 && n <= UINT32_MAX) || n != floor(n))
        return false;
    for (size_t i = 2; i < c->head.n; i++) {
        if (is_number(f[i]) || is_missing(f[i]))
            return false;
    }
    for (size_t i = 0; i < c->row.n; i++) {
        if (!is_number(c->row.field[i]))
            return false;
    }
    *rows = (uint64_t)n;
    return true;
}

/* A header names the label, or has text above a number. */
static bool is_header(const struct csv *c)
{
    for (size_t i = 0; i < c->head.n; i++) {
        struct crew_field f = c->head.field[i];
        if (is_number(f) || is_missing(f))
            continue;
        if (is_label_name(f) || (c->how->label && is_text(f, c->how->label)) ||
            (i < c->row.n && is_number(c->row.field[i])))
            return true;
    }
    return false;
}

static crew_status find_label(struct csv *c, struct crew_error *err)
{
    const char *label = c->how->label, *path = c->text.path;
    double number;
    for (size_t i = 0; c->has_header && i < c->head.n; i++) {
        struct crew_field f = c->head.field[i];
        if (label ? is_text(f, label) : is_label_name(f)) {
            c->label = i;
            return CREW_OK;
        }
    }
    bool only_features = c->how->labels_optional && c->how->features == c->columns;
    c->label = !label && only_features ? NO_COLUMN : c->columns - 1;
    if (!label || strcmp(label, "last") == 0)
        return CREW_OK;
    if (strcmp(label, "none") == 0) {
        c->label = NO_COLUMN;
        return CREW_OK;
    }
    if (!crew_parse_real(label, label + strlen(label), &number) || number != floor(number))
        return crew_fail(err, CREW_EFORMAT, "%s has no column \"%s\" (label)%s", path, label,
                         c->has_header ? "" : ": it has no header");
    if (number < 1 || number > (double)c->columns)
        return crew_fail(err, CREW_EFORMAT, "%s has no column %s (label), must be 1..%zu", path,
                         label, c->columns);
    c->label = (size_t)number - 1;
    return CREW_OK;
}

/* The classes of the line of counts, in its order: labels are numbers into them. */
static crew_status take_class_names(struct csv *c, struct crew_error *err)
{
    for (size_t i = 2; i < c->head.n; i++) {
        struct crew_field f = c->head.field[i];
        uint32_t number;
        crew_status status =
            crew_names_add(&c->out->names, f.p, (size_t)(f.end - f.p), c->head.line, &number);
        if (status != CREW_OK)
            return crew_table_names_full(c->text.path, status, err);
        if (number != i - 2)
            return crew_fail(err, CREW_EFORMAT, "%s, line %llu: a class is named twice",
                             c->text.path, (unsigned long long)c->head.line);
    }
    c->out->names_in_order = true;
    return CREW_OK;
}

/* Read two records, decide what they are, make room for the rows. */
static crew_status find_layout(struct csv *c, size_t size, struct crew_error *err)
{
    TRY(crew_fields_next(&c->text, &c->head, err));
    if (c->head.n == 0)
        return crew_fail(err, CREW_EFORMAT, "%s has no rows", c->text.path);
    TRY(crew_fields_next(&c->text, &c->row, err));
    c->columns = c->head.n;
    if (is_counts(c, &c->promised)) {
        c->columns = c->row.n;
        c->label = c->columns - 1;
        TRY(take_class_names(c, err));
    } else {
        c->has_header = is_header(c);
        TRY(find_label(c, err));
    }
    if (c->has_header && c->row.n == 0)
        return crew_fail(err, CREW_EFORMAT, "%s has a header and no rows", c->text.path);
    size_t features = c->columns - (c->label != NO_COLUMN);
    if (features == 0)
        return crew_fail(err, CREW_EFORMAT, "%s has one column only: a label and no features",
                         c->text.path);
    if (c->how->features && features != c->how->features)
        return crew_fail(err, CREW_EFORMAT, "%s has %zu feature columns, must be %u",
                         c->text.path, features, c->how->features);
    /* At most one row a line, and a row takes a byte a column at least: memory stays within a
     * few times the file's size, whatever its lines look like. */
    size_t lines = 3;
    for (const char *p = c->text.at; (p = memchr(p, '\n', (size_t)(c->text.end - p))); p++)
        lines++;
    size_t rows = size / c->columns + 1;
    return crew_table_alloc(c->out, c->text.path, rows < lines ? rows : lines, features,
                            c->label != NO_COLUMN, c->how->max_bytes, err);
}

static crew_status bad_field(const struct csv *c, const struct crew_fields *r, size_t column,
                             const char *what, struct crew_error *err)
{
    char value[48], name[48] = "";
    const struct crew_field *f = &r->field[column];
    if (c->has_header)
        crew_shown(c->head.field[column].p, c->head.field[column].end, name);
    return crew_fail(err, CREW_EFORMAT, "%s, line %llu, column %zu%s%s%s: \"%s\" %s",
                     c->text.path, (unsigned long long)r->line, column + 1, *name ? " (" : "",
                     name, *name ? ")" : "", crew_shown(f->p, f->end, value), what);
}

static crew_status take_label(struct csv *c, const struct crew_fields *r, uint32_t *label,
                              struct crew_error *err)
{
    struct crew_field f = r->field[c->label];
    double value;
    if (is_missing(f))
        return bad_field(c, r, c->label, "is a missing label", err);
    bool number = crew_parse_real(f.p, f.end, &value);
    if (c->promised) {
        if (!number || value != floor(value) || value < 0 || value >= (double)c->out->names.n)
            return bad_field(c, r, c->label, "is no class of the first line", err);
        *label = (uint32_t)value;
        return CREW_OK;
    }
    if (number && value != floor(value))
        return bad_field(c, r, c->label, "is no whole number, and labels are classes", err);
    if (number)
        return crew_table_label(c->out, c->text.path, value, r->line, label, err);
    crew_status status =
        crew_names_add(&c->out->names, f.p, (size_t)(f.end - f.p), r->line, label);
    return status == CREW_OK ? status : crew_table_names_full(c->text.path, status, err);
}

static crew_status take_row(struct csv *c, const struct crew_fields *r, struct crew_error *err)
{
    struct crew_table *t = c->out;
    float *x = t->x + t->rows * t->features;
    if (r->n != c->columns)
        return crew_fail(err, CREW_EFORMAT,
                         "%s, line %llu: %zu columns, the lines before have %zu", c->text.path,
                         (unsigned long long)r->line, r->n, c->columns);
    for (size_t i = 0; i < r->n; i++) {
        struct crew_field f = r->field[i];
        double value;
        if (i == c->label) {
            TRY(take_label(c, r, &t->label[t->rows], err));
        } else if (crew_parse_real(f.p, f.end, &value)) {
            *x = (float)value;
            if (!isfinite(*x++))
                return bad_field(c, r, i, "is too large", err);
        } else if (!is_missing(f)) {
            return bad_field(c, r, i, "is not a number", err);
        } else if (c->how->missing == CREW_MISSING_REFUSE) {
            return bad_field(c, r, i, "is a missing value (missing may be mean or zero)", err);
        } else {
            *x++ = NAN;
        }
    }
    t->rows++;
    return CREW_OK;
}

static crew_status take_rows(struct csv *c, struct crew_error *err)
{
    size_t room = c->out->rows;
    c->out->rows = 0;
    if (!c->has_header && !c->promised)
        TRY(take_row(c, &c->head, err));
    while (c->row.n) {
        if (c->out->rows == room) /* cannot be: see find_layout() */
            return crew_fail(err, CREW_EFORMAT, "%s has more rows than bytes allow",
                             c->text.path);
        TRY(take_row(c, &c->row, err));
        TRY(crew_fields_next(&c->text, &c->row, err));
    }
    if (c->promised && c->promised != c->out->rows)
        return crew_fail(err, CREW_EFORMAT, "%s has %zu rows, its first line promises %llu",
                         c->text.path, c->out->rows, (unsigned long long)c->promised);
    return CREW_OK;
}

static crew_status read_csv(struct crew_source *in, const struct crew_read_how *how,
                            struct crew_table *out, struct crew_error *err)
{
    char *start = in->data;
    if (in->size >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0)
        start += 3; /* the mark that some editors put before UTF-8 */
    struct csv c = {.text = {.path = in->path,
                             .at = start,
                             .end = in->data + in->size,
                             .delimiter = crew_fields_delimiter(start, in->data + in->size)},
                    .how = how,
                    .out = out};
    out->unit = "line";
    crew_status status = find_layout(&c, in->size, err);
    if (status == CREW_OK)
        status = take_rows(&c, err);
    crew_fields_free(&c.head);
    crew_fields_free(&c.row);
    return status;
}

static bool detect_csv(const struct crew_source *in)
{
    return !memchr(in->data, '\0', in->size);
}

const struct crew_reader crew_csv_reader = {"csv", false, detect_csv, read_csv};
