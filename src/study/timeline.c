#include "study/timeline.h"
#include "base/error.h"
#include "base/mem.h"
#include "train/output.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 32 bytes a task, 192 a round, 4 a quota: 60 MB at most, and 120 MB of text. */
enum {
    MOST_TASKS = 1 << 19,
    MOST_ROUNDS = 1 << 17,
    MOST_QUOTAS = 1 << 22,
    MOST_DECISIONS = 1 << 14,
    REMARK = 120
};

struct span {
    double start_s; /* after its round began */
    double seconds;
    uint32_t worker, task;
    uint32_t flags;
    bool kept;
};

struct moment {
    uint64_t round;
    uint64_t first, n;           /* of its tasks: span[first % MOST_TASKS] and on */
    uint64_t decided, decided_n; /* likewise decision[decided % MOST_DECISIONS] and on */
    double begin_s, seconds, wait_s, loss;
    char remark[REMARK]; /* "": as before */
};

struct crew_timeline {
    uint32_t workers;
    uint64_t rounds;     /* room for so many */
    uint64_t head, tail; /* rounds tail..head - 1 are kept, moment[round % rounds] */
    uint64_t spans;      /* tasks so far */
    struct span *span;   /* [MOST_TASKS] */
    uint64_t decisions;  /* so far */
    struct crew_policy_event *decision; /* [MOST_DECISIONS] */
    struct moment *moment;              /* [rounds] */
    uint32_t *quota;                    /* [rounds][workers] */
    char remark[REMARK];                /* the last one */
};

crew_status crew_timeline_create(uint64_t rounds, uint32_t workers, crew_timeline **out,
                                 struct crew_error *err)
{
    crew_timeline *t = crew_zalloc(sizeof *t);
    uint64_t fit = MOST_QUOTAS / (workers ? workers : 1),
             most = fit < MOST_ROUNDS ? fit : MOST_ROUNDS;
    *out = NULL;
    if (!t)
        return crew_fail(err, CREW_ENOMEM, "no memory for the timeline");
    t->workers = workers;
    t->rounds = rounds < most ? rounds : most;
    t->rounds = t->rounds ? t->rounds : 1;
    t->span =
        crew_alloc(MOST_TASKS * sizeof *t->span); /* pages that are not used cost nothing */
    t->decision = crew_alloc(MOST_DECISIONS * sizeof *t->decision);
    t->moment = crew_alloc(t->rounds * sizeof *t->moment);
    t->quota = crew_alloc(t->rounds * (workers ? workers : 1) * sizeof *t->quota);
    if (!t->span || !t->decision || !t->moment || !t->quota) {
        crew_timeline_destroy(t);
        return crew_fail(err, CREW_ENOMEM, "no memory for a timeline of %" PRIu64 " rounds",
                         rounds);
    }
    *out = t;
    return CREW_OK;
}

void crew_timeline_destroy(crew_timeline *t)
{
    if (!t)
        return;
    crew_free(t->span);
    crew_free(t->decision);
    crew_free(t->moment);
    crew_free(t->quota);
    crew_free(t);
}

uint64_t crew_timeline_kept(const crew_timeline *t)
{
    return t->head - t->tail;
}

uint64_t crew_timeline_seen(const crew_timeline *t)
{
    return t->head;
}

/* ---- Keeping ---- */

static uint32_t *quota_of(const crew_timeline *t, uint64_t i)
{
    return t->quota + i % t->rounds * t->workers;
}

static struct moment *moment_of(const crew_timeline *t, uint64_t i)
{
    return &t->moment[i % t->rounds];
}

/* Of a round with more tasks than there is room the first ones are kept. */
static void make_room(crew_timeline *t, uint64_t n)
{
    if (t->head - t->tail == t->rounds)
        t->tail++;
    while (t->tail < t->head && t->spans + n - moment_of(t, t->tail)->first > MOST_TASKS)
        t->tail++;
}

void crew_timeline_round(crew_timeline *t, const struct crew_record *r)
{
    uint64_t n = r->n_timings < MOST_TASKS ? r->n_timings : MOST_TASKS;
    make_room(t, n);
    struct moment *m = moment_of(t, t->head);
    m->round = r->round;
    m->first = t->spans;
    m->n = n;
    m->begin_s = r->elapsed_s > r->seconds ? r->elapsed_s - r->seconds : 0;
    m->seconds = r->seconds;
    m->wait_s = r->wait_s;
    m->loss = r->loss;
    m->remark[0] = '\0';
    if (r->remark && strncmp(r->remark, t->remark, REMARK - 1) != 0) {
        snprintf(t->remark, sizeof t->remark, "%s", r->remark);
        memcpy(m->remark, t->remark, sizeof m->remark);
    }
    m->decided = t->decisions;
    m->decided_n = r->n_events;
    for (size_t i = 0; i < r->n_events; i++) /* their reasons are constant */
        t->decision[t->decisions++ % MOST_DECISIONS] = r->events[i];
    uint32_t *quota = quota_of(t, t->head);
    for (uint32_t i = 0; i < t->workers; i++)
        quota[i] = i < r->n ? (uint32_t)r->quota[i] : 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct crew_timing *x = &r->timing[i];
        t->span[t->spans++ % MOST_TASKS] =
            (struct span){x->start_s, x->seconds, x->worker, x->task, x->flags, x->kept};
    }
    t->head++;
}

/* ---- Writing: one event a line ---- */

/* As a JSON string, quotes included; what is not UTF-8 becomes "". */
static void put_text(FILE *to, const char *text)
{
    json_t *s = json_string(text);
    if (!s || json_dumpf(s, to, JSON_ENCODE_ANY) != 0)
        fputs("\"\"", to);
    json_decref(s);
}

static void put_name(FILE *to, const char *what, uint32_t row, const char *name)
{
    fprintf(to,
            "{\"ph\":\"M\",\"pid\":1,\"tid\":%" PRIu32 ",\"name\":\"%s\",\"args\":{\"name\":",
            row, what);
    put_text(to, name);
    fprintf(to,
            "}},\n{\"ph\":\"M\",\"pid\":1,\"tid\":%" PRIu32
            ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%" PRIu32 "}},\n",
            row, row);
}

static void put_names(FILE *to, const crew_timeline *t, crew_trainer *trainer,
                      const char *title)
{
    struct crew_summary s = {0};
    const struct crew_machine_info *m = NULL;
    char name[96];
    if (trainer) {
        crew_trainer_summary(trainer, &s);
        m = crew_machine_info(crew_trainer_machine(trainer));
    }
    put_name(to, "process_name", 0, title);
    put_name(to, "thread_name", 0, "coordinator");
    for (uint32_t i = 0; i < t->workers; i++) {
        int at = snprintf(name, sizeof name, "worker %" PRIu32, i);
        if (i < s.n && !s.virtual_time) {
            const struct crew_worker_summary *w = &s.worker[i];
            snprintf(name + at, sizeof name - (size_t)at, ", cpu %" PRIu32 "%s%s", w->cpu,
                     w->kind < 0 ? "" : ", ", w->kind < 0 ? "" : m->kinds[w->kind].name);
        }
        put_name(to, "thread_name", i + 1, name);
    }
}

/* A key and a whole number of which the last `decimals` digits follow a point. By hand: printf
 * is most of what a timeline costs. */
static void put_number(FILE *to, const char *key, uint64_t n, int decimals)
{
    char text[32], *s = text + sizeof text;
    for (int digits = 0; digits <= decimals || n; digits++, n /= 10) {
        if (decimals && digits == decimals)
            *--s = '.';
        *--s = (char)('0' + n % 10);
    }
    fputs(key, to);
    fwrite(s, 1, (size_t)(text + sizeof text - s), to);
}

/* Virtual seconds may be more than whole nanoseconds have room for. */
enum { FEW_S = 1000000000 };

static uint64_t nanoseconds(double seconds)
{
    return seconds > 0 ? (uint64_t)(1e9 * seconds + 0.5) : 0;
}

/* Seconds as microseconds, to the nanosecond. */
static void put_time(FILE *to, const char *key, double seconds)
{
    if (seconds < FEW_S)
        put_number(to, key, nanoseconds(seconds), 3);
    else
        fprintf(to, "%s%.3f", key, 1e6 * seconds);
}

/* From begin_s on. Its end is rounded, not its length: it must not reach into the next one. */
static void put_times(FILE *to, double begin_s, double seconds)
{
    double end_s = begin_s + seconds;
    put_time(to, ",\"ts\":", begin_s);
    if (end_s < FEW_S)
        put_number(to, ",\"dur\":", nanoseconds(end_s) - nanoseconds(begin_s), 3);
    else
        put_time(to, ",\"dur\":", seconds);
}

/* A span; its args are left open for more. */
static void put_span(FILE *to, const char *name, const char *category, uint32_t row,
                     double begin_s, double seconds, uint64_t round)
{
    put_number(to, "{\"ph\":\"X\",\"pid\":1,\"tid\":", row, 0);
    put_times(to, begin_s, seconds);
    fputs(",\"name\":\"", to);
    fputs(name, to);
    fputs("\",\"cat\":\"", to);
    fputs(category, to);
    put_number(to, "\",\"args\":{\"round\":", round, 0);
}

/* What the policy decided; its args are left open. */
static void put_instant(FILE *to, const char *name, uint32_t row, double at_s)
{
    put_number(to, "{\"ph\":\"i\",\"s\":\"t\",\"pid\":1,\"tid\":", row, 0);
    put_time(to, ",\"ts\":", at_s);
    fputs(",\"name\":", to);
    put_text(to, name);
    fputs(",\"cat\":\"plan\",\"args\":{", to);
}

/* Of single workers, at the end of the round, when it has seen its times. When there were too
 * many for the memory only the last ones are known. */
static void put_decisions(FILE *to, const crew_timeline *t, const struct moment *m)
{
    for (uint64_t i = m->decided; i < m->decided + m->decided_n; i++) {
        const struct crew_policy_event *e = &t->decision[i % MOST_DECISIONS];
        if (i + MOST_DECISIONS < t->decisions)
            continue;
        put_instant(to, e->reason, e->worker + 1, m->begin_s + m->seconds);
        put_number(to, "\"round\":", m->round, 0);
        if (isfinite(e->before_s))
            fprintf(to, ",\"before_ms\":%.6g", 1e3 * e->before_s);
        if (isfinite(e->after_s))
            fprintf(to, ",\"after_ms\":%.6g", 1e3 * e->after_s);
        fputs("}},\n", to);
    }
}

static void put_quota(FILE *to, const crew_timeline *t, uint64_t i)
{
    const uint32_t *quota = quota_of(t, i);
    const struct moment *m = moment_of(t, i);
    if (i > t->tail && !memcmp(quota, quota_of(t, i - 1), t->workers * sizeof *quota))
        return;
    put_instant(to, "quota", 0, m->begin_s);
    put_number(to, "\"round\":", m->round, 0);
    fputs(",\"quota\":[", to);
    for (uint32_t k = 0; k < t->workers; k++)
        fprintf(to, "%s%" PRIu32, k ? "," : "", quota[k]);
    fputs("]}},\n", to);
}

static void put_round(FILE *to, const crew_timeline *t, uint64_t i)
{
    const struct moment *m = moment_of(t, i);
    put_quota(to, t, i);
    if (m->remark[0]) {
        put_instant(to, "remark", 0, m->begin_s);
        fputs("\"remark\":", to);
        put_text(to, m->remark);
        fputs("}},\n", to);
    }
    put_span(to, "plan and wait", "round", 0, m->begin_s, m->wait_s, m->round);
    fputs("}},\n", to);
    if (m->seconds - m->wait_s >= 1e-9) { /* virtual time stands still there */
        put_span(to, "combine and step", "round", 0, m->begin_s + m->wait_s,
                 m->seconds - m->wait_s, m->round);
        fputs("}},\n", to);
    }
    if (isfinite(m->loss))
        fprintf(to,
                "{\"ph\":\"C\",\"pid\":1,\"ts\":%.3f,\"name\":\"loss\",\"args\":{\"loss\":%.6g}"
                "},\n",
                1e6 * (m->begin_s + m->seconds), m->loss);
    for (uint64_t k = m->first; k < m->first + m->n; k++) {
        const struct span *x = &t->span[k % MOST_TASKS];
        const char *name = !x->kept                  ? "dropped task"
                           : x->flags & CREW_WARM_UP ? "warm-up task"
                                                     : "task";
        put_span(to, name, "task", x->worker + 1, m->begin_s + x->start_s, x->seconds,
                 m->round);
        put_number(to, ",\"task\":", x->task, 0);
        fputs("}},\n", to);
    }
    put_decisions(to, t, m);
}

/* The last line holds no comma: it says what the file is. */
static void put_all(FILE *to, const crew_timeline *t, crew_trainer *trainer, const char *title)
{
    fputs("{\"traceEvents\":[\n", to);
    put_names(to, t, trainer, title);
    for (uint64_t i = t->tail; i < t->head; i++)
        put_round(to, t, i);
    fprintf(
        to,
        "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_labels\",\"args\":{\"labels\":\"the last "
        "%" PRIu64 " of %" PRIu64 " rounds\"}}\n],\"displayTimeUnit\":\"ms\"}\n",
        t->head - t->tail, t->head);
}

crew_status crew_timeline_write(const crew_timeline *t, const char *path, bool replace,
                                crew_trainer *trainer, const char *title,
                                struct crew_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    bool ok = to != NULL;
    if (ok) {
        put_all(to, t, trainer, title);
        ok = !ferror(to);
        ok = fclose(to) == 0 && ok;
    }
    const struct crew_piece piece = {text, bytes};
    crew_status status = ok ? crew_output_write(path, replace, &piece, 1, err)
                            : crew_fail(err, CREW_ENOMEM, "no memory to write %s", path);
    free(text);
    return status;
}
