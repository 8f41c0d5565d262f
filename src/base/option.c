#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <assert.h>
#include <crew/option.h>
#include <float.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void *field(void *base, const struct crew_option *o)
{
    return (char *)base + o->offset;
}

static crew_status out_of_range(const struct crew_option *o, const char *value,
                                struct crew_error *err)
{
    if (o->max >= 0x1p53) /* no limit but that of the type */
        return crew_fail(err, CREW_EINVAL, "%s is %s, must be at least %.15g", o->name, value,
                         o->min);
    return crew_fail(err, CREW_EINVAL, "%s is %s, must be %.15g..%.15g", o->name, value, o->min,
                     o->max);
}

static crew_status set_flag(const struct crew_option *o, const char *value, void *base,
                            struct crew_error *err)
{
    bool on = !value || !strcmp(value, "yes") || !strcmp(value, "1") || !strcmp(value, "true");
    if (!on && strcmp(value, "no") && strcmp(value, "0") && strcmp(value, "false"))
        return crew_fail(err, CREW_EINVAL, "%s is '%s', must be yes or no", o->name, value);
    *(bool *)field(base, o) = on;
    return CREW_OK;
}

static crew_status store_whole(const struct crew_option *o, uint64_t v, void *base)
{
    if (o->type == CREW_OPTION_U32)
        *(uint32_t *)field(base, o) = (uint32_t)v;
    else
        *(uint64_t *)field(base, o) = v;
    return CREW_OK;
}

static crew_status set_whole(const struct crew_option *o, const char *value, void *base,
                             struct crew_error *err)
{
    uint64_t v = 0, most = o->type == CREW_OPTION_U32 ? UINT32_MAX : UINT64_MAX;
    if (o->zero && strcmp(value, o->zero) == 0)
        return store_whole(o, 0, base);
    bool negative = value[0] == '-' && crew_text_u64(value + 1, strlen(value + 1), &v);
    if (!negative && !crew_text_u64(value, strlen(value), &v))
        return crew_fail(
            err, CREW_EINVAL, "%s is '%s', must be a whole number%s%s%s", o->name, value,
            strspn(value, "0123456789") == strlen(value) && *value ? " below 2^64" : "",
            o->zero ? " or " : "", o->zero ? o->zero : "");
    /* As whole numbers: as doubles 2^62 + 1 is not above 2^62. */
    bool below = negative || v < (o->min > 0 ? (uint64_t)o->min : 0);
    bool above = o->max < 0x1p64 && v > (o->max > 0 ? (uint64_t)o->max : 0);
    if ((o->min != 0 || o->max != 0) && (below || above))
        return out_of_range(o, value, err);
    if (negative || v > most)
        return crew_fail(err, CREW_EINVAL, "%s is %s, must be 0..%llu", o->name, value,
                         (unsigned long long)most);
    return store_whole(o, v, base);
}

static crew_status set_real(const struct crew_option *o, const char *value, void *base,
                            struct crew_error *err)
{
    double v;
    if (!crew_text_real(value, strlen(value), &v))
        return crew_fail(err, CREW_EINVAL, "%s is '%s', must be a number", o->name, value);
    if ((o->min != 0 || o->max != 0) && (v < o->min || v > o->max))
        return out_of_range(o, value, err);
    *(double *)field(base, o) = v;
    return CREW_OK;
}

crew_status crew_option_set(const struct crew_option *o, const char *value, void *base,
                            struct crew_error *err)
{
    if (o->type == CREW_OPTION_FLAG)
        return set_flag(o, value, base, err);
    if (!value)
        return crew_fail(err, CREW_EINVAL, "%s needs a value", o->name);
    switch (o->type) {
    case CREW_OPTION_U32:
    case CREW_OPTION_U64:
        return set_whole(o, value, base, err);
    case CREW_OPTION_REAL:
        return set_real(o, value, base, err);
    default:
        *(const char **)field(base, o) = value;
        return CREW_OK;
    }
}

void crew_option_defaults(const struct crew_option *table, void *base)
{
    for (const struct crew_option *o = table; o->type != CREW_OPTION_END; o++) {
        const char *value = o->value;
        if (!value && o->type == CREW_OPTION_STRING)
            *(const char **)field(base, o) = NULL;
        else if (!value && o->type == CREW_OPTION_FLAG)
            *(bool *)field(base, o) = false;
        else if (!value && o->type == CREW_OPTION_U32)
            *(uint32_t *)field(base, o) = 0;
        else if (!value && o->type == CREW_OPTION_U64)
            *(uint64_t *)field(base, o) = 0;
        else if (!value)
            *(double *)field(base, o) = 0;
        else {
            crew_status status = crew_option_set(o, value, base, NULL);
            assert(status == CREW_OK); /* else the table contradicts itself */
            (void)status;
        }
    }
}

const struct crew_option *crew_option_find(const struct crew_option *table, const char *name,
                                           size_t n)
{
    for (const struct crew_option *o = table; o->type != CREW_OPTION_END; o++)
        if (crew_text_same(o->name, name, n))
            return o;
    return NULL;
}

static crew_status unknown_setting(const struct crew_option *table, const char *name, size_t n,
                                   const char *what, struct crew_error *err)
{
    const char *names[32];
    size_t count = 0;
    char typed[64];
    snprintf(typed, sizeof typed, "%.*s", (int)(n < sizeof typed ? n : sizeof typed - 1), name);
    for (const struct crew_option *o = table; o->type != CREW_OPTION_END && count < 32; o++)
        names[count++] = o->name;
    const char *near = crew_option_nearest(typed, names, count);
    if (!count)
        return crew_fail(err, CREW_EINVAL, "%s has no settings, but '%s' is given", what,
                         typed);
    if (near)
        return crew_fail(err, CREW_EINVAL, "%s has no setting '%s'; did you mean '%s'?", what,
                         typed, near);
    return crew_fail(err, CREW_EINVAL, "%s has no setting '%s'; the first of its %zu is '%s'",
                     what, typed, count, names[0]);
}

crew_status crew_option_settings(const struct crew_option *table, const char *settings,
                                 const char *what, void *base, struct crew_error *err)
{
    for (const char *s = settings; s && *s;) {
        size_t n = strcspn(s, ","), name = strcspn(s, "=,");
        const struct crew_option *o = crew_option_find(table, s, name);
        if (!o)
            return unknown_setting(table, s, name, what, err);
        char value[64], *v = NULL;
        if (name < n) {
            if (n - name - 1 >= sizeof value)
                return crew_fail(err, CREW_EINVAL, "%s: the value of '%s' is too long", what,
                                 o->name);
            memcpy(value, s + name + 1, n - name - 1);
            value[n - name - 1] = '\0';
            v = value;
        }
        struct crew_error why;
        if (crew_option_set(o, v, base, &why) != CREW_OK)
            return crew_fail(err, CREW_EINVAL, "%s: %s", what, why.text);
        s += n + (s[n] == ',');
    }
    return CREW_OK;
}

/* The shortest decimal that reads back as v. */
static void show_real(double v, char *out, size_t cap)
{
    for (int digits = 6; digits <= 17; digits++) {
        double back;
        snprintf(out, cap, "%.*g", digits, v);
        char *comma = strchr(out, ','); /* a caller's locale may write one */
        if (comma)
            *comma = '.';
        if (crew_text_real(out, strlen(out), &back) && memcmp(&back, &v, sizeof v) == 0)
            return;
    }
}

int crew_option_show(const struct crew_option *o, const void *base, char *out, size_t cap)
{
    const void *f = (const char *)base + o->offset;
    if (o->zero &&
        (o->type == CREW_OPTION_U32 ? *(const uint32_t *)f == 0 : *(const uint64_t *)f == 0)) {
        snprintf(out, cap, "%s", o->zero);
        return 1;
    }
    switch (o->type) {
    case CREW_OPTION_FLAG:
        snprintf(out, cap, "%s", *(const bool *)f ? "yes" : "no");
        return 1;
    case CREW_OPTION_U32:
        snprintf(out, cap, "%u", *(const uint32_t *)f);
        return o->value || *(const uint32_t *)f != 0; /* 0 without a default: not given */
    case CREW_OPTION_U64:
        snprintf(out, cap, "%llu", (unsigned long long)*(const uint64_t *)f);
        return o->value || *(const uint64_t *)f != 0;
    case CREW_OPTION_REAL:
        show_real(*(const double *)f, out, cap);
        return o->value || *(const double *)f != 0;
    default:
        snprintf(out, cap, "%s", *(const char *const *)f ? *(const char *const *)f : "");
        return *(const char *const *)f != NULL;
    }
}

/* Levenshtein distance, each of at most 63 characters. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64], n = strlen(b);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t replace = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            size_t shift = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            row[j + 1] = replace < shift ? replace : shift;
        }
    }
    return row[n];
}

const char *crew_option_nearest(const char *typed, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t length = strlen(typed),
           least = length / 3 + 2; /* of "ata-emprical" one slip, of "x" none */
    if (length > 63)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (strlen(names[i]) > 63)
            continue;
        size_t d =
            strncmp(names[i], typed, length) == 0 && length > 1 ? 1 : distance(typed, names[i]);
        if (d < least && d < strlen(names[i])) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

crew_status crew_fail_unknown(struct crew_error *err, const char *kind, const char *spec,
                              const char *const *names, size_t n)
{
    char typed[64];
    size_t length = crew_text_name(spec, NULL);
    snprintf(typed, sizeof typed, "%.*s",
             (int)(length < sizeof typed ? length : sizeof typed - 1), spec);
    const char *near = crew_option_nearest(typed, names, n);
    return crew_fail(err, CREW_EINVAL, "unknown %s '%s'%s%s%s", kind, typed,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}
