#include "base/error.h"
#include <stdarg.h>
#include <stdio.h>

const char *crew_status_text(crew_status status)
{
    switch (status) {
#define X(name, value, text) \
    case CREW_##name:        \
        return text;
        CREW_STATUSES(X)
#undef X
    }
    return "unknown status";
}

crew_status crew_fail(struct crew_error *err, crew_status status, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        err->status = status;
        vsnprintf(err->text, sizeof err->text, fmt, args);
        va_end(args);
        /* What it quotes may be anybody's: no line break, no escape sequence of a terminal. */
        for (char *s = err->text; *s; s++)
            *s = (unsigned char)*s < ' ' || *s == 127 ? '?' : *s;
    }
    return status;
}
