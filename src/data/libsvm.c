/* libsvm's sparse text: "label index:value index:value ...", indices from 1 and ascending, what
 * is not there is 0; "#" begins a comment. Source: the README of libsvm. Read twice: once to
 * learn how many rows and features there are, once to fill them in. */
#include "base/error.h"
#include "base/mem.h"
#include "data/number.h"
#include "data/table.h"
#include <math.h>
#include <string.h>

/* One pass over a file. */
struct libsvm {
    const char *path;
    const char *at, *end;
    uint64_t line;
    size_t rows, features; /* seen so far */
    bool first_has_label;
    struct crew_table *fill; /* NULL in the first pass */
};

/* Next word of the line, [p, *end); empty at its end or at a comment. */
static const char *next_word(const struct libsvm *s, const char *p, const char **end)
{
    while (*p == ' ' || *p == '\t' || *p == '\r')
        p++;
    *end = p;
    while (*end < s->end && !strchr(" \t\r\n#", **end))
        ++*end;
    return p;
}

static crew_status bad_word(const struct libsvm *s, const char *p, const char *end,
                            const char *what, struct crew_error *err)
{
    char shown[48];
    return crew_fail(err, CREW_EFORMAT, "%s, line %llu: \"%s\" %s", s->path,
                     (unsigned long long)s->line, crew_shown(p, end, shown), what);
}

/* "index:value" into the row at hand. */
static crew_status take_pair(struct libsvm *s, const char *p, const char *end, size_t *last,
                             struct crew_error *err)
{
    const char *colon = memchr(p, ':', (size_t)(end - p));
    double index, value;
    if (!colon || !crew_parse_real(p, colon, &index) || index != floor(index))
        return bad_word(s, p, end, "is not index:value", err);
    if (!(index >= 1 && index <= CREW_MAX_FEATURES))
        return bad_word(s, p, end, "has an index outside 1..16777216", err);
    if ((size_t)index <= *last)
        return bad_word(s, p, end, "is not in ascending order", err);
    if (!crew_parse_real(colon + 1, end, &value) || !isfinite((float)value))
        return bad_word(s, p, end, "has no finite number as its value", err);
    *last = (size_t)index;
    s->features = *last > s->features ? *last : s->features;
    if (s->fill && *last > s->fill->features)
        return bad_word(s, p, end, "has an index beyond the expected features", err);
    if (s->fill)
        s->fill->x[s->rows * s->fill->features + *last - 1] = (float)value;
    return CREW_OK;
}

/* One row, up to the line end or comment. */
static crew_status take_row(struct libsvm *s, struct crew_error *err)
{
    const char *end, *p = next_word(s, s->at, &end);
    size_t last = 0;
    bool has_label = !memchr(p, ':', (size_t)(end - p));
    if (s->rows == 0)
        s->first_has_label = has_label;
    if (has_label != s->first_has_label)
        return bad_word(s, p, end,
                        has_label ? "is a label, the lines before have none"
                                  : "stands where the lines before have a label",
                        err);
    if (has_label) {
        double label;
        if (!crew_parse_real(p, end, &label))
            return bad_word(s, p, end, "is not a number, and labels are whole numbers here",
                            err);
        if (s->fill)
            TRY(crew_table_label(s->fill, s->path, label, s->line, &s->fill->label[s->rows],
                                 err));
        p = next_word(s, end, &end);
    }
    for (; p < end; p = next_word(s, end, &end))
        TRY(take_pair(s, p, end, &last, err));
    s->rows++;
    return CREW_OK;
}

static crew_status pass(struct libsvm *s, struct crew_error *err)
{
    while (s->at < s->end) {
        const char *word_end, *word = next_word(s, s->at, &word_end);
        s->line++;
        if (word < word_end)
            TRY(take_row(s, err));
        const char *line_end = memchr(s->at, '\n', (size_t)(s->end - s->at));
        s->at = line_end ? line_end + 1 : s->end;
    }
    return CREW_OK;
}

static crew_status read_libsvm(struct crew_source *in, const struct crew_read_how *how,
                               struct crew_table *out, struct crew_error *err)
{
    struct libsvm s = {.path = in->path, .at = in->data, .end = in->data + in->size};
    const struct libsvm start = s;
    out->unit = "line";
    TRY(pass(&s, err));
    size_t features = how->features ? how->features : s.features;
    TRY(crew_table_alloc(out, in->path, s.rows, features, s.first_has_label, how->max_bytes,
                         err));
    memset(out->x, 0, out->rows * out->features * sizeof *out->x);
    bool labelled = s.first_has_label;
    s = start;
    s.fill = out;
    s.first_has_label = labelled;
    return pass(&s, err);
}

/* The first line with two words or more has "number:number" as its second, or as its first. */
static bool detect_libsvm(const struct crew_source *in)
{
    if (memchr(in->data, '\0', in->size))
        return false;
    struct libsvm s = {.at = in->data, .end = in->data + in->size};
    while (s.at < s.end) {
        const char *end, *p = next_word(&s, s.at, &end);
        const char *end2, *second = next_word(&s, end, &end2);
        for (int i = 0; i < 2; i++, p = second, end = end2) {
            const char *colon = memchr(p, ':', (size_t)(end - p));
            double x;
            if (colon)
                return crew_parse_real(p, colon, &x) && crew_parse_real(colon + 1, end, &x);
        }
        if (second < end2)
            return false;
        const char *line_end = memchr(s.at, '\n', (size_t)(s.end - s.at));
        s.at = line_end ? line_end + 1 : s.end;
    }
    return false;
}

const struct crew_reader crew_libsvm_reader = {"libsvm", false, detect_libsvm, read_libsvm};
