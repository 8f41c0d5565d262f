/* A mistake in a text, with a caret under it. */
#include "base/error.h"
#include "exec/speed_internal.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WINDOW = 70 }; /* columns of the text that are shown */

/* One column a byte, so that the caret stays under its mistake. */
static char shown(char c)
{
    return (c >= '\t' && c <= '\r') ? ' ' : c < ' ' || c > '~' ? '?' : c;
}

crew_status crew_speeds_fail(const char *text, const char *at, struct crew_error *err,
                             const char *fmt, ...)
{
    char sentence[300], part[WINDOW + 1];
    size_t length = strlen(text), place = (size_t)(at - text), from = 0;
    va_list args;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    if (!err)
        return CREW_EINVAL;
    if (length > WINDOW && place > WINDOW / 2) {
        from = place - WINDOW / 2;
        from = from < length - WINDOW ? from : length - WINDOW;
    }
    size_t n = length - from < WINDOW ? length - from : WINDOW;
    for (size_t i = 0; i < n; i++)
        part[i] = shown(text[from + i]);
    part[n] = '\0';
    const char *before = from ? "..." : "", *after = from + n < length ? "..." : "";
    crew_fail(err, CREW_EINVAL, "%s", sentence);
    size_t told = strlen(err->text);
    snprintf(err->text + told, sizeof err->text - told, "\n  %s%s%s\n  %*s^", before, part,
             after, (int)(strlen(before) + place - from), "");
    return CREW_EINVAL;
}
