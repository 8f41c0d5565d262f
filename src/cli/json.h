/* What JSON cannot hold becomes null: NaN and infinity, text that is not UTF-8 (a file name may
 * be anything). */
#ifndef CREW_CLI_JSON_H
#define CREW_CLI_JSON_H

#include <jansson.h>
#include <math.h>

static inline json_t *real_or_null(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static inline json_t *text_or_null(const char *s)
{
    json_t *text = json_string(s);
    return text ? text : json_null();
}

#endif
