#include "data/fields.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/table.h"
#include <stdbool.h>
#include <string.h>

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* p moved over blanks that are no delimiter. Stops at the closing 0 at the latest. */
static char *skip_blanks(const struct crew_text *t, char *p)
{
    while (blank(*p) && *p != t->delimiter)
        p++;
    return p;
}

/* The field after an opening quote; t->at moves behind the closing one. "" stands for ". */
static crew_status quoted(struct crew_text *t, char *p, struct crew_field *f,
                          struct crew_error *err)
{
    char *to = p;
    f->p = p;
    for (; p < t->end && *p != '\n' && (*p != '"' || p[1] == '"'); p++) {
        p += *p == '"';
        *to++ = *p;
    }
    f->end = to;
    if (*p != '"')
        return crew_fail(err, CREW_EFORMAT, "%s, line %llu: a quote is not closed", t->path,
                         (unsigned long long)t->line);
    t->at = skip_blanks(t, p + 1);
    if (t->at < t->end && *t->at != t->delimiter && *t->at != '\n')
        return crew_fail(err, CREW_EFORMAT, "%s, line %llu: text follows a closing quote",
                         t->path, (unsigned long long)t->line);
    return CREW_OK;
}

static void unquoted(struct crew_text *t, char *p, struct crew_field *f)
{
    f->p = p;
    while (*p != t->delimiter && *p != '\n' && *p != '\0')
        p++;
    f->end = t->at = p;
    while (f->end > f->p && blank(f->end[-1]))
        f->end--;
}

/* Room for the rest of the line, whose delimiters are counted first: a line of nothing else
 * takes 16 bytes for one of its own. */
static crew_status grow(struct crew_fields *r, const struct crew_text *t,
                        struct crew_error *err)
{
    size_t cap = r->n + 1;
    for (const char *p = t->at; p < t->end && *p != '\n'; p++)
        cap += *p == t->delimiter;
    cap = cap > 64 ? cap : 64;
    if (cap > CREW_MAX_FEATURES + 2 && r->n > CREW_MAX_FEATURES)
        return crew_fail(err, CREW_EFORMAT, "%s, line %llu: more than %d columns", t->path,
                         (unsigned long long)t->line, CREW_MAX_FEATURES);
    cap = cap > CREW_MAX_FEATURES + 2 ? CREW_MAX_FEATURES + 2 : cap;
    struct crew_field *field = crew_alloc(cap * sizeof *field);
    if (!field)
        return crew_fail(err, CREW_ENOMEM, "not enough memory for line %llu of %s",
                         (unsigned long long)t->line, t->path);
    if (r->n)
        memcpy(field, r->field, r->n * sizeof *field);
    crew_free(r->field);
    r->field = field;
    r->cap = cap;
    return CREW_OK;
}

crew_status crew_fields_next(struct crew_text *t, struct crew_fields *r, struct crew_error *err)
{
    r->n = 0;
    while (t->at < t->end) {
        char *p = t->at;
        t->line++;
        while (blank(*p))
            p++;
        if (*p == '\n' || p == t->end) {
            t->at = p + (p < t->end);
            continue;
        }
        r->line = t->line;
        for (;; t->at++) { /* over the delimiter */
            struct crew_field f;
            if (r->n == r->cap)
                TRY(grow(r, t, err));
            p = skip_blanks(t, t->at);
            if (*p == '"')
                TRY(quoted(t, p + 1, &f, err));
            else
                unquoted(t, p, &f);
            r->field[r->n++] = f;
            if (*t->at != t->delimiter)
                break;
        }
        t->at += t->at < t->end; /* over the line break */
        return CREW_OK;
    }
    return CREW_OK;
}

char crew_fields_delimiter(const char *p, const char *end)
{
    static const char candidates[] = {',', ';', '\t'};
    size_t count[sizeof candidates] = {0}, best = 0;
    bool in_quotes = false;
    while (p < end && (blank(*p) || *p == '\n'))
        p++;
    for (; p < end && *p != '\n'; p++) {
        in_quotes ^= *p == '"';
        for (size_t i = 0; i < sizeof candidates && !in_quotes; i++)
            count[i] += *p == candidates[i];
    }
    for (size_t i = 1; i < sizeof candidates; i++)
        best = count[i] > count[best] ? i : best;
    return candidates[best];
}

void crew_fields_free(struct crew_fields *r)
{
    crew_free(r->field);
    *r = (struct crew_fields){0};
}
