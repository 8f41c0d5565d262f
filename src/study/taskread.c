/* Single tasks for a report: a CSV of --log-tasks or a --timeline, line by line. */
#include "base/error.h"
#include "base/input.h"
#include "base/mem.h"
#include "base/text.h"
#include "study/logread.h"
#include "study/pairs.h"
#include <crew/policy.h>
#include <math.h>
#include <string.h>

enum { MOST_WORKERS = 1 << 20 };

crew_status crew_tasks_create(const char *path, struct crew_tasks **out, struct crew_error *err)
{
    struct crew_tasks *t = crew_zalloc(sizeof *t);
    *out = NULL;
    bool ok = t && (t->path = crew_strdup(path)) &&
              (t->span = crew_alloc(CREW_LOG_SPANS * sizeof *t->span));
    for (size_t i = 0; ok && i < CREW_LOG_WORKERS; i++)
        ok = (t->sample[i].value = crew_alloc(CREW_LOG_SAMPLES * sizeof(double))) != NULL;
    if (!ok) {
        crew_tasks_destroy(t);
        return crew_fail(err, CREW_ENOMEM, "%s: no memory for its tasks", path);
    }
    *out = t;
    return CREW_OK;
}

void crew_tasks_destroy(struct crew_tasks *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < CREW_LOG_WORKERS; i++)
        crew_free(t->sample[i].value);
    crew_free(t->span);
    crew_free(t->path);
    crew_free(t);
}

/* Once there is no room, one of two goes, and from then on one of twice as many stays. */
void crew_log_sample(struct crew_log_samples *s, double seconds)
{
    s->each = s->each ? s->each : 1;
    uint64_t before = s->seen++ % s->each; /* of those of which one stays */
    if (!before && s->n == CREW_LOG_SAMPLES) {
        for (uint32_t i = 0; i < CREW_LOG_SAMPLES / 2; i++)
            s->value[i] = s->value[2 * i + crew_lot(&s->lot, 2)];
        s->n = CREW_LOG_SAMPLES / 2;
        s->each *= 2;
    }
    s->n += !before;
    if (!crew_lot(&s->lot, before + 1)) /* the last of k with the chance 1/k */
        s->value[s->n - 1] = seconds;
}

static bool add(struct crew_tasks *t, const struct crew_log_span *x, bool warm_up)
{
    if (!(x->seconds > 0 && x->seconds <= CREW_LOG_MOST) ||
        !(fabs(x->start_s) <= CREW_LOG_MOST) || x->worker >= MOST_WORKERS)
        return false;
    t->span[t->n++ % CREW_LOG_SPANS] = *x;
    t->workers = x->worker >= t->workers ? x->worker + 1 : t->workers;
    if (x->kept && !warm_up && x->worker < CREW_LOG_WORKERS)
        crew_log_sample(&t->sample[x->worker], x->seconds);
    return true;
}

/* ---- CSV ---- */

/* Calls are in order: the field that begins at *at, of n bytes in all. */
static const char *next_field(const char *line, size_t n, size_t *at, size_t *length)
{
    if (*at > n)
        return NULL;
    const char *field = line + *at, *comma = memchr(field, ',', n - *at);
    *length = comma ? (size_t)(comma - field) : n - *at;
    *at += *length + 1;
    return field;
}

bool crew_task_header(const char *line, size_t n, struct crew_task_columns *out)
{
    static const char *const names[] = {"round",   "worker", "kept",
                                        "seconds", "flags",  "start_s"};
    int *const column[] = {&out->round,   &out->worker, &out->kept,
                           &out->seconds, &out->flags,  &out->start};
    size_t length, at = 0;
    *out = (struct crew_task_columns){-1, -1, -1, -1, -1, -1};
    const char *field;
    for (int i = 0; (field = next_field(line, n, &at, &length)); i++)
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (length == strlen(names[k]) && !memcmp(field, names[k], length))
                *column[k] = i;
    return out->round >= 0 && out->worker >= 0 && out->seconds >= 0;
}

bool crew_task_line(struct crew_tasks *t, const struct crew_task_columns *columns,
                    const char *line, size_t n)
{
    struct crew_log_span x = {.kept = true};
    uint64_t worker = UINT64_MAX, kept = 1, flags = 0;
    size_t length, at = 0;
    const char *field;
    bool ok = true;
    for (int i = 0; ok && (field = next_field(line, n, &at, &length)); i++) {
        if (i == columns->round)
            ok = crew_text_u64(field, length, &x.round);
        else if (i == columns->worker)
            ok = crew_text_u64(field, length, &worker);
        else if (i == columns->kept)
            ok = crew_text_u64(field, length, &kept) && kept <= 1;
        else if (i == columns->seconds)
            ok = crew_text_real(field, length, &x.seconds);
        else if (i == columns->flags)
            ok = crew_text_u64(field, length, &flags);
        else if (i == columns->start)
            ok = crew_text_real(field, length, &x.start_s);
    }
    x.worker = worker < UINT32_MAX ? (uint32_t)worker : UINT32_MAX;
    x.kept = kept == 1;
    t->measured = columns->start >= 0;
    return ok && add(t, &x, flags & CREW_WARM_UP);
}

/* ---- Timeline ---- */

static bool note_round(struct crew_tasks *t, uint64_t round, double begin_s, double seconds)
{
    struct crew_log_round *last = &t->round[(t->n_rounds - 1) % CREW_LOG_ROUNDS];
    if (t->n_rounds && last->round == round) /* its second phase */
        last->seconds = begin_s + seconds - last->begin_s;
    else
        t->round[t->n_rounds++ % CREW_LOG_ROUNDS] =
            (struct crew_log_round){round, begin_s, seconds, seconds};
    return true;
}

static bool take_event(struct crew_tasks *t, const json_t *o)
{
    const char *phase = json_string_value(json_object_get(o, "ph")),
               *category = json_string_value(json_object_get(o, "cat")),
               *name = json_string_value(json_object_get(o, "name"));
    double round = crew_json_number(json_object_get(o, "args"), "round"),
           begin_s = 1e-6 * crew_json_number(o, "ts"),
           seconds = 1e-6 * crew_json_number(o, "dur"), row = crew_json_number(o, "tid");
    if (!phase || !name)
        return false;
    if (strcmp(phase, "X") != 0)
        return true; /* names, counters, instants */
    if (!category || !(round >= 0 && round < 0x1p63) || !isfinite(begin_s) || !(seconds >= 0))
        return false;
    if (!strcmp(category, "round"))
        return note_round(t, (uint64_t)round, begin_s, seconds);
    const struct crew_log_span x = {
        (uint64_t)round, row >= 1 && row <= MOST_WORKERS ? (uint32_t)row - 1 : UINT32_MAX,
        strncmp(name, "dropped", 7) != 0, begin_s, seconds};
    return !strcmp(category, "task") && add(t, &x, !strncmp(name, "warm-up", 7));
}

bool crew_trace_line(struct crew_tasks *t, const char *line, size_t n)
{
    t->absolute = t->measured = true;
    if (n && line[n - 1] == ',')
        n--;
    if (!n || line[0] != '{' || !strncmp(line, "{\"traceEvents\"", 14))
        return n && strchr("{]", line[0]); /* its first and last line */
    json_t *o = crew_json_bytes(line, n) < 1 << 20 ? json_loadb(line, n, 0, NULL) : NULL;
    bool ok = json_is_object(o) && take_event(t, o);
    json_decref(o);
    return ok;
}
