/* A text of speeds that is refused, and where. */
#ifndef CREW_TESTS_CARET_H
#define CREW_TESTS_CARET_H

#include "exec/speed.h"
#include "testing.h"
#include <stdio.h>
#include <string.h>

/* The mistake is marked by '#' in `marked`, which is not part of the text. */
static inline void points_at(const char *marked, const char *sentence)
{
    char spec[300], want[600];
    size_t at = strcspn(marked, "#");
    snprintf(spec, sizeof spec, "%.*s%s", (int)at, marked, marked + at + 1);
    snprintf(want, sizeof want, "%s\n  %s\n  %*s^", sentence, spec, (int)at, "");
    struct crew_error err;
    crew_speeds *s = (crew_speeds *)&err;
    assert_int_equal(crew_speeds_parse(spec, false, &s, &err), CREW_EINVAL);
    assert_int_equal(err.status, CREW_EINVAL);
    assert_null(s);
    assert_string_equal(err.text, want);
    assert_int_equal(crew_speeds_parse(spec, false, &s, NULL), CREW_EINVAL);
}

#endif
