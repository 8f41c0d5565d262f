/* The grammar of task times, without blanks except where it says so.
 *
 *   SPEEDS   = GROUP (blanks GROUP)*         workers are numbered in order, from 0
 *   GROUP    = [COUNT*]SEGMENT(,SEGMENT)*    COUNT workers, 1 without
 *   SEGMENT  = LAW[@FROM..[TO]]              holds from FROM on, until TO
 *   LAW      = TIME | NAME(ARGUMENTS) | TIME+NAME(ARGUMENTS)
 *   TIME     = a number and ns, us, ms, s, min or nothing, which means seconds
 *
 * Arguments are separated by commas, blanks may stand around them; the table in law.c says
 * which are times and which are numbers. TIME alone is constant; TIME+ is added to each draw.
 *
 * FROM and TO are rounds, from 1 (0 means 1 too), or times with a unit, since the start: of a
 * group all the one or all the other. The first segment starts at the start, each next one
 * where the last ended, the last has no TO. A law on its own needs no @.
 *
 * replay(FILE), FILE up to the parenthesis, brings as many workers as the recording has: it is
 * a group of its own, without COUNT, TIME+ and @. */
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "exec/speed_internal.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

struct parse {
    const char *text, *at; /* all of it, what is not yet read */
    struct crew_speeds *out;
    struct crew_error *err;
};

#define FAIL_AT(p, place, ...) crew_speeds_fail((p)->text, place, (p)->err, __VA_ARGS__)

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void skip_blanks(struct parse *p)
{
    while (is_blank(*p->at))
        p->at++;
}

static bool at_end_of_group(const struct parse *p)
{
    return !*p->at || is_blank(*p->at);
}

/* Something else stands where `wanted` must. */
static crew_status unexpected(struct parse *p, const char *wanted)
{
    char c = *p->at;
    if (!c)
        return FAIL_AT(p, p->at, "the text ends where %s is missing", wanted);
    if (is_blank(c))
        return FAIL_AT(p, p->at, "a blank stands where %s must", wanted);
    if (c < ' ' || c > '~')
        return FAIL_AT(p, p->at, "byte 0x%02x stands where %s must", (unsigned char)c, wanted);
    return FAIL_AT(p, p->at, "'%c' stands where %s must", c, wanted);
}

static crew_status no_memory(struct parse *p)
{
    return crew_fail(p->err, CREW_ENOMEM, "no memory for the task times");
}

/* ---- Numbers and times ---- */

/* Length of the number at s; 0: there is none. Of "0..5" it is "0", of "1min" "1". */
static size_t number_length(const char *s)
{
    size_t n = *s == '-', digits = 0;
    for (; is_digit(s[n]); n++)
        digits++;
    if (s[n] == '.' && s[n + 1] != '.')
        for (n++; is_digit(s[n]); n++)
            digits++;
    if (!digits)
        return 0;
    size_t sign = s[n] == 'e' || s[n] == 'E' ? s[n + 1] == '-' || s[n + 1] == '+' : 0;
    if ((s[n] == 'e' || s[n] == 'E') && is_digit(s[n + 1 + sign]))
        for (n += 1 + sign; is_digit(s[n]); n++)
            ;
    return n;
}

static crew_status read_number(struct parse *p, const char *wanted, double *out)
{
    size_t n = number_length(p->at);
    if (!n)
        return unexpected(p, wanted);
    if (!crew_text_real(p->at, n, out))
        return FAIL_AT(p, p->at, "the number does not fit");
    p->at += n;
    return CREW_OK;
}

/* A quotient of exact numbers is rounded once: 3ms is the double nearest to 0.003. */
static crew_status read_unit(struct parse *p, double *value, bool *given)
{
    static const struct {
        const char *name;
        double times, per;
    } units[] = {{"ns", 1, 1e9}, {"us", 1, 1e6}, {"ms", 1, 1e3}, {"s", 1, 1}, {"min", 60, 1}};
    size_t n = 0;
    while (is_letter(p->at[n]))
        n++;
    *given = n > 0;
    if (!n)
        return CREW_OK;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) != n || memcmp(units[i].name, p->at, n) != 0)
            continue;
        *value = *value * units[i].times / units[i].per;
        p->at += n;
        return CREW_OK;
    }
    return FAIL_AT(p, p->at, "unknown unit '%.*s', must be ns, us, ms, s or min",
                   n < 40 ? (int)n : 40, p->at);
}

static crew_status read_time(struct parse *p, const char *wanted, double *out)
{
    bool unit;
    TRY(read_number(p, wanted, out));
    return read_unit(p, out, &unit);
}

/* ---- Laws ---- */

static crew_status find_law(struct parse *p, enum crew_law_kind *kind)
{
    const char *names[CREW_LAW_REPLAY + 1];
    char typed[64];
    size_t length = 0, n = 0;
    while (is_letter(p->at[length]) || is_digit(p->at[length]) || p->at[length] == '-' ||
           p->at[length] == '_')
        length++;
    for (; crew_law_at(n); n++) {
        names[n] = crew_law_at(n)->name;
        if (strlen(names[n]) == length && memcmp(names[n], p->at, length) == 0) {
            *kind = (enum crew_law_kind)n;
            p->at += length;
            return CREW_OK;
        }
    }
    snprintf(typed, sizeof typed, "%.*s", length < sizeof typed ? (int)length : 63, p->at);
    const char *near = crew_option_nearest(typed, names, n);
    return FAIL_AT(p, p->at, "unknown law '%s'%s%s%s", typed, near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
}

static crew_status read_argument(struct parse *p, const struct crew_law_form *form, int k,
                                 struct crew_law *law)
{
    double value;
    const char *name = form->argument[k].name;
    enum crew_argument_kind kind = form->argument[k].kind;
    if (*p->at == ')' || *p->at == ',')
        return FAIL_AT(p, p->at, "%s is missing: %s", name, form->signature);
    if (kind == CREW_ARGUMENT_TIME || kind == CREW_ARGUMENT_TIME_OR_ZERO) {
        TRY(read_time(p, name, &value));
    } else {
        TRY(read_number(p, name, &value));
        if (is_letter(*p->at))
            return FAIL_AT(p, p->at, "%s has no unit, it is a number: %s", name,
                           form->signature);
    }
    memcpy((char *)law + form->argument[k].offset, &value, sizeof value);
    return CREW_OK;
}

/* (ARGUMENTS) of the law called at `name`. */
static crew_status read_arguments(struct parse *p, const char *name, struct crew_law *law)
{
    const struct crew_law_form *form = crew_law_form(law->kind);
    const char *place[CREW_LAW_ARGUMENTS];
    char why[160];
    int wrong;
    for (int k = 0; k < form->n_arguments; k++) {
        p->at++; /* the parenthesis or comma */
        skip_blanks(p);
        place[k] = p->at;
        TRY(read_argument(p, form, k, law));
        skip_blanks(p);
        bool last = k + 1 == form->n_arguments;
        if (*p->at == (last ? ',' : ')'))
            return FAIL_AT(p, p->at, "%s takes %d argument%s: %s", form->entry.name,
                           form->n_arguments, form->n_arguments > 1 ? "s" : "",
                           form->signature);
        if (*p->at != (last ? ')' : ','))
            return unexpected(p, last ? "')'" : "','");
    }
    p->at++;
    if (!crew_law_check(law, &wrong, why, sizeof why))
        return FAIL_AT(p, wrong < 0 ? name : place[wrong], "%s", why);
    return CREW_OK;
}

/* Any law but a recording, of which only the name and the parenthesis are read. */
static crew_status read_law(struct parse *p, struct crew_law *law)
{
    const char *start = p->at;
    double time = 0;
    char why[160];
    int wrong;
    *law = (struct crew_law){.kind = CREW_LAW_CONST};
    bool has_time = !is_letter(*start);
    if (has_time) {
        TRY(read_time(p, "a law", &time));
        law->shift = time;
        if (*p->at != '+')
            return crew_law_check(law, &wrong, why, sizeof why) ? CREW_OK
                                                                : FAIL_AT(p, start, "%s", why);
        p->at++;
        if (!is_letter(*p->at))
            return unexpected(p, "a law with arguments");
    }
    const char *name = p->at;
    law->shift = 0;
    TRY(find_law(p, &law->kind));
    if (*p->at != '(')
        return FAIL_AT(p, name, "%s needs its arguments: %s", crew_law_at(law->kind)->name,
                       crew_law_form(law->kind)->signature);
    if (law->kind == CREW_LAW_REPLAY) {
        if (has_time)
            return FAIL_AT(p, start, "no time can be added to a recording");
        p->at++;
        return CREW_OK;
    }
    TRY(read_arguments(p, name, law));
    law->shift += time;
    if (!(time >= 0 && time <= CREW_MOST_TIME))
        return FAIL_AT(p, start, "the time to add is %.15g s, must be 0..1e12 s", time);
    if (!crew_law_check(law, &wrong, why, sizeof why))
        return FAIL_AT(p, start, "%s", why);
    return CREW_OK;
}

/* ---- From when until when ---- */

struct span {
    bool given, open, by_time; /* open: no TO */
    double from, to;           /* rounds or seconds */
    const char *from_at, *to_at;
};

static crew_status read_bound(struct parse *p, double *out, bool *by_time)
{
    const char *at = p->at;
    TRY(read_number(p, "a round or a time", out));
    TRY(read_unit(p, out, by_time));
    if (*by_time && !(*out >= 0 && *out <= CREW_MOST_TIME))
        return FAIL_AT(p, at, "the time is %.15g s, must be 0..1e12 s", *out);
    if (!*by_time && !(*out >= 0 && *out < 0x1p32 && *out == floor(*out)))
        return FAIL_AT(p, at,
                       "the round is %.15g, must be a whole number below 2^32 (a time "
                       "has a unit)",
                       *out);
    if (!*by_time)
        *out = fmax(*out, 1);
    return CREW_OK;
}

/* @FROM..[TO], or nothing. */
static crew_status read_span(struct parse *p, struct span *out)
{
    bool to_is_time;
    *out = (struct span){.open = true, .from_at = p->at, .to_at = p->at};
    if (*p->at != '@')
        return CREW_OK;
    out->given = true;
    out->from_at = ++p->at;
    TRY(read_bound(p, &out->from, &out->by_time));
    if (p->at[0] != '.' || p->at[1] != '.')
        return unexpected(p, "'..'");
    out->to_at = p->at += 2;
    if (at_end_of_group(p) || *p->at == ',')
        return CREW_OK;
    out->open = false;
    TRY(read_bound(p, &out->to, &to_is_time));
    if (to_is_time != out->by_time)
        return FAIL_AT(p, out->to_at, "from a %s to a %s: must be two rounds or two times",
                       out->by_time ? "time" : "round", to_is_time ? "time" : "round");
    if (out->to <= out->from)
        return FAIL_AT(p, out->to_at, "it ends before it has begun");
    return CREW_OK;
}

/* Does a span follow on the one before; before NULL: is it the first? */
static crew_status check_span(struct parse *p, const struct span *before,
                              const struct span *span)
{
    if (!before) {
        if (span->given && span->from > (span->by_time ? 0 : 1))
            return FAIL_AT(p, span->from_at, "the first law must hold from the start, from %s",
                           span->by_time ? "0s" : "0");
        return CREW_OK;
    }
    if (!span->given)
        return FAIL_AT(p, span->from_at, "@FROM..TO is missing: one law follows another");
    if (span->by_time != before->by_time)
        return FAIL_AT(p, span->from_at, "this law begins by %s, the one before ends by %s",
                       span->by_time ? "time" : "round", before->by_time ? "time" : "round");
    if (span->from != before->to)
        return FAIL_AT(p, span->from_at, "it begins %s the law before it ends, at %.15g%s",
                       span->from < before->to ? "before" : "after", before->to,
                       before->by_time ? " s" : "");
    return CREW_OK;
}

/* ---- Groups ---- */

/* COUNT*, or nothing. */
static crew_status read_count(struct parse *p, uint64_t *count, bool *given)
{
    size_t n = strcspn(p->at, "*(,@ \t\n\v\f\r");
    *count = 1;
    *given = p->at[n] == '*';
    if (!*given)
        return CREW_OK;
    if (!crew_text_u64(p->at, n, count) || *count < 1 || *count > UINT32_MAX)
        return FAIL_AT(p, p->at, "the count is '%.*s', must be a whole number 1..4294967295",
                       n < 40 ? (int)n : 40, p->at);
    p->at += n + 1;
    return CREW_OK;
}

static crew_status add_group(struct parse *p, const char *start, uint64_t count,
                             uint32_t n_laws, struct crew_replay *replay)
{
    if (count > UINT32_MAX - p->out->n) {
        crew_replay_destroy(replay);
        return FAIL_AT(p, start, "that makes more than 4294967295 workers");
    }
    return crew_speeds_add_group(p->out, (uint32_t)count, n_laws, replay) == CREW_OK
               ? CREW_OK
               : no_memory(p);
}

static crew_status add_law(struct parse *p, const struct crew_law *law, const struct span *span)
{
    struct crew_until until = {HUGE_VAL, HUGE_VAL};
    if (!span->open)
        *(span->by_time ? &until.s : &until.round) = span->to;
    return crew_speeds_add_law(p->out, law, until) == CREW_OK ? CREW_OK : no_memory(p);
}

/* FILE) of a recording. */
static crew_status read_replay(struct parse *p, const char *start)
{
    const char *path = p->at;
    size_t n = strcspn(path, ")");
    p->at += n;
    if (!n || !*p->at)
        return unexpected(p, n ? "')'" : "FILE");
    p->at++;
    if (!at_end_of_group(p))
        return FAIL_AT(p, p->at, "nothing can follow replay(FILE) but a blank");
    struct crew_replay *replay;
    struct span always = {.open = true};
    char *name = crew_strndup(path, n);
    if (!name)
        return no_memory(p);
    crew_status status = crew_replay_read(name, &replay, p->err);
    crew_free(name);
    TRY(status);
    status = add_law(p, &(struct crew_law){.kind = CREW_LAW_REPLAY}, &always);
    if (status != CREW_OK) {
        crew_replay_destroy(replay);
        return status;
    }
    return add_group(p, start, crew_replay_workers(replay), 1, replay);
}

static crew_status read_group(struct parse *p)
{
    const char *start = p->at;
    struct span before = {0}, span;
    uint64_t count;
    bool counted;
    TRY(read_count(p, &count, &counted));
    for (uint32_t n = 1;; n++, before = span) {
        struct crew_law law;
        const char *law_at = p->at;
        TRY(read_law(p, &law));
        if (law.kind == CREW_LAW_REPLAY && n > 1)
            return FAIL_AT(p, law_at, "a recording cannot follow a law, only a blank");
        if (law.kind == CREW_LAW_REPLAY && counted)
            return FAIL_AT(p, start, "a recording has no count: it brings its own workers");
        if (law.kind == CREW_LAW_REPLAY)
            return read_replay(p, start);
        TRY(read_span(p, &span));
        TRY(check_span(p, n > 1 ? &before : NULL, &span));
        TRY(add_law(p, &law, &span));
        if (at_end_of_group(p) && span.open)
            return add_group(p, start, count, n, NULL);
        if (at_end_of_group(p))
            return FAIL_AT(p, span.to_at, "the last law must hold for ever: leave its end out");
        if (*p->at != ',')
            return unexpected(p, "a blank");
        if (!span.given)
            return FAIL_AT(p, p->at, "@FROM..TO is missing: another law follows");
        if (span.open)
            return FAIL_AT(p, p->at, "no law can follow one that holds for ever");
        p->at++;
    }
}

crew_status crew_speeds_parse(const char *spec, bool wrap, crew_speeds **out,
                              struct crew_error *err)
{
    struct parse p = {spec, spec, crew_speeds_new(wrap), err};
    *out = NULL;
    crew_status status = p.out ? CREW_OK : no_memory(&p);
    for (skip_blanks(&p); status == CREW_OK && *p.at; skip_blanks(&p))
        status = read_group(&p);
    if (status == CREW_OK && !p.out->n)
        status = FAIL_AT(&p, p.at, "no worker is given");
    if (status == CREW_OK && crew_speeds_index(p.out) != CREW_OK)
        status = no_memory(&p);
    if (status == CREW_OK)
        *out = p.out;
    else
        crew_speeds_destroy(p.out);
    return status;
}
