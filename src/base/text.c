#include "base/text.h"
#include "base/mem.h"
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool crew_text_u64(const char *s, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    if (!n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        unsigned digit = (unsigned)(s[i] - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

/* By strtod() in the caller's locale, with its decimal point in the place of ours: a locale of
 * our own would take memory, and no number may be refused for want of that. */
bool crew_text_real(const char *s, size_t n, double *out)
{
    char copy[400]; /* the longest exact decimal of a double has 342 characters before an
                       exponent */
    const char *point = n ? memchr(s, '.', n) : NULL, *theirs = nl_langinfo(RADIXCHAR);
    size_t before = point ? (size_t)(point - s) : n, wide = point ? strlen(theirs) : 0,
           after = point ? n - before - 1 : 0;
    if (!n || n >= sizeof copy || wide >= sizeof copy - n)
        return false;
    for (size_t i = 0; i < n; i++) /* no blanks, hexadecimal, inf or nan */
        if (!s[i] || !strchr("0123456789+-.eE", s[i]))
            return false;
    memcpy(copy, s, before);
    if (point) {
        memcpy(copy + before, theirs, wide);
        memcpy(copy + before + wide, point + 1, after);
    }
    copy[before + wide + after] = '\0';
    char *end;
    double v = strtod(copy, &end);
    if (end != copy + before + wide + after || !isfinite(v))
        return false;
    *out = v;
    return true;
}

size_t crew_text_name(const char *s, const char **settings)
{
    size_t n = strcspn(s, ":");
    if (settings)
        *settings = s[n] ? s + n + 1 : NULL;
    return n;
}

bool crew_text_same(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char x = a[i] == '_' ? '-' : a[i], y = b[i] == '_' ? '-' : b[i];
        if (x != y || !x)
            return false;
    }
    return a[n] == '\0';
}
