#include "base/error.h"
#include "base/input.h"
#include "base/mem.h"
#include "base/text.h"
#include <crew/crew.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 4096, MOST = 1 << 30 }; /* bytes */

/* All of a stream as a terminated string; NULL: no memory, or over MOST. */
static char *slurp(FILE *f)
{
    size_t cap = FIRST, n = 0, got;
    char *text = malloc(cap);
    while (text && (got = fread(text + n, 1, cap - n - 1, f)) > 0) {
        n += got;
        if (cap - n > 1)
            continue;
        char *more = cap < MOST ? realloc(text, cap *= 2) : NULL;
        if (!more) {
            free(text);
            return NULL;
        }
        text = more;
    }
    if (text)
        text[n] = '\0';
    return text;
}

static crew_status parse(const char *text, const char *source, double *out, size_t *count,
                         struct crew_error *err)
{
    static const char between[] = ", \t\r\n";
    *count = 0;
    for (const char *s = text + strspn(text, between); *s; s += strspn(s, between)) {
        size_t n = strcspn(s, between);
        double v;
        if (!crew_text_real(s, n, &v) || v <= 0)
            return crew_fail(err, CREW_EINVAL,
                             "%s: item %zu is '%.*s', must be a number above 0", source,
                             *count + 1, (int)(n < 40 ? n : 40), s);
        out[(*count)++] = v;
        s += n;
    }
    if (!*count)
        return crew_fail(err, CREW_EINVAL, "%s: no numbers", source);
    return CREW_OK;
}

crew_status crew_times_read(const char *spec, double **out, size_t *n, struct crew_error *err)
{
    const char *source = "times", *text = spec;
    char *file = NULL;
    *out = NULL;
    if (spec[0] == '@') {
        source = strcmp(spec, "@-") ? spec + 1 : "standard input";
        FILE *f = stdin;
        if (strcmp(spec, "@-"))
            TRY(crew_input_open(source, &f, err));
        text = file = slurp(f);
        bool broken = ferror(f) != 0;
        if (f != stdin)
            fclose(f);
        if (!file || broken) {
            free(file);
            return crew_fail(err, CREW_EINPUT, "%s: cannot be read or is larger than 1 GiB",
                             source);
        }
    }
    /* No number is shorter than a digit and what separates it from the next. */
    crew_status status = CREW_ENOMEM;
    if ((*out = crew_alloc((strlen(text) / 2 + 1) * sizeof **out)))
        status = parse(text, source, *out, n, err);
    else
        crew_fail(err, CREW_ENOMEM, "no memory for the numbers of %s", source);
    free(file);
    if (status != CREW_OK) {
        crew_times_free(*out);
        *out = NULL;
    }
    return status;
}

void crew_times_free(double *times)
{
    crew_free(times);
}
