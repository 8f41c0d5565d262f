#include "base/text.h"
#include "base/mem.h"
#include <ctype.h>
#include <locale.h>
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

bool crew_text_real(const char *s, size_t n, double *out)
{
    char copy[400]; /* the longest exact decimal of a double has 342 characters before an
                       exponent */
    if (!n || n >= sizeof copy || isspace((unsigned char)s[0]))
        return false;
    memcpy(copy, s, n);
    copy[n] = '\0';
    if (strpbrk(copy, "xXnN")) /* no hexadecimal, inf or nan */
        return false;
    locale_t c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (!c)
        return false;
    char *end;
    locale_t before = uselocale(c);
    double v = strtod(copy, &end);
    uselocale(before);
    freelocale(c);
    if (end != copy + n || !isfinite(v))
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
