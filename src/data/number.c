#include "data/number.h"
#include "base/text.h"
#include <stdint.h>
#include <string.h>

/* Powers of ten that a double holds exactly. */
static const double exact_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { MAX_EXACT_TEN = 22 };

/* Digits d of [p, end) join *m as m * 10 + d. Zeros are held back in *zeros until another digit
 * follows them, so that 5.000000000000000000e+00 stays the small number 5. Returns what
 * follows. */
static const char *digits(const char *p, const char *end, uint64_t *m, int *zeros, bool *big)
{
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (*p == '0' && *m == 0)
            continue;
        if (*p == '0') {
            *big |= ++*zeros == 1 << 20; /* far outside the exact range, and no int overflows */
            continue;
        }
        for (; *zeros > 0 && !*big; --*zeros) {
            *big = *m > UINT64_MAX / 100;
            *m *= 10;
        }
        if (*big)
            continue;
        *big = *m > UINT64_MAX / 100;
        *m = *m * 10 + (uint64_t)(*p - '0');
    }
    return p;
}

/* Exact when the digits fit 53 bits and the power of ten is exact: one rounding is left, that
 * of the last multiplication or division. Source: Clinger, "How to read floating point numbers
 * accurately", PLDI 1990. Everything else goes to strtod,
 * a hundred times slower. */
bool crew_parse_real(const char *p, const char *end, double *out)
{
    const char *start = p;
    uint64_t m = 0;
    int zeros = 0, exponent = 0;
    bool big = false, minus = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    const char *whole = p;
    p = digits(p, end, &m, &zeros, &big);
    ptrdiff_t n_digits = p - whole, n_fraction = 0;
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        p = digits(p, end, &m, &zeros, &big);
        n_fraction = p - fraction;
    }
    if (n_digits + n_fraction == 0)
        return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool down = ++p < end && *p == '-';
        if (p < end && (*p == '-' || *p == '+'))
            p++;
        if (p == end)
            return false;
        for (; p < end && *p >= '0' && *p <= '9'; p++) {
            exponent = big ? 0 : exponent * 10 + (*p - '0');
            big |= exponent > 1 << 20;
        }
        exponent = down ? -exponent : exponent;
        if (p[-1] < '0' || p[-1] > '9')
            return false;
    }
    if (p != end)
        return false;
    ptrdiff_t ten = exponent - n_fraction + zeros;
    if (big || m > (uint64_t)1 << 53 || ten < -MAX_EXACT_TEN || ten > MAX_EXACT_TEN) {
        return crew_text_real(start, (size_t)(end - start), out);
    }
    double x = (double)m;
    x = ten < 0 ? x / exact_ten[-ten] : x * exact_ten[ten];
    *out = minus ? -x : x;
    return true;
}

const char *crew_shown(const char *p, const char *end, char out[48])
{
    size_t n = (size_t)(end - p) > 40 ? 40 : (size_t)(end - p);
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)p[i] < ' ' || p[i] == 127 ? '?' : p[i];
    memcpy(out + n, (size_t)(end - p) > n ? "..." : "", (size_t)(end - p) > n ? 4 : 1);
    return out;
}
