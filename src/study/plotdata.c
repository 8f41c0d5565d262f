/* What plots and CSV files of a report have in common: curves, quantiles, the last rounds. */
#include "base/mem.h"
#include "study/pairs.h"
#include "study/plot.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Curves of loss ---- */

static bool of_log(const struct crew_log *l, struct crew_curve *out)
{
    *out = (struct crew_curve){.log = l, .n = l->n_bins};
    crew_log_label(l, out->label, sizeof out->label);
    for (size_t i = 0; i < l->n_bins; i++)
        if (isfinite(l->bin[i].loss))
            return true;
    return false;
}

static bool of_policy(const json_t *policy, struct crew_curve *out)
{
    const char *name = json_string_value(json_object_get(policy, "policy"));
    const json_t *curve = json_object_get(policy, "curve");
    *out = (struct crew_curve){.points = json_is_array(curve) ? curve : NULL,
                               .column = {json_object_get(curve, "seconds"),
                                          json_object_get(curve, "worker_seconds"),
                                          json_object_get(curve, "loss")}};
    out->n = json_array_size(out->points ? curve : out->column[2]);
    snprintf(out->label, sizeof out->label, "%s", name ? name : "?");
    return out->n > 0;
}

/* "runs/c.json: queue"; the file is left out where there is no other. */
static void put_file_before(struct crew_curve *c, const char *path)
{
    char policy[sizeof c->label];
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path,
               *dot = strrchr(base, '.');
    int n = dot && dot > base ? (int)(dot - base) : (int)strlen(base);
    snprintf(policy, sizeof policy, "%s", c->label);
    snprintf(c->label, sizeof c->label, "%.*s: %.60s", n < 30 ? n : 30, base, policy);
}

bool crew_curve_at(const struct crew_logs *all, size_t i, struct crew_curve *out)
{
    size_t comparisons = 0;
    for (size_t k = 0; k < all->n_inputs; k++)
        comparisons += all->input[k].kind == CREW_INPUT_COMPARISON;
    for (size_t k = 0; k < all->n_logs; k++)
        if (of_log(all->log[k], out) && i-- == 0)
            return true;
    for (size_t k = 0; k < all->n_inputs; k++) {
        const json_t *list = json_object_get(all->input[k].document, "policies");
        for (size_t p = 0; p < json_array_size(list); p++)
            if (of_policy(json_array_get(list, p), out) && i-- == 0) {
                if (all->n_logs || comparisons > 1)
                    put_file_before(out, all->input[k].path);
                return true;
            }
    }
    return false;
}

bool crew_curve_point(const struct crew_curve *c, size_t i, double *seconds, double *worker_s,
                      double *loss)
{
    if (c->log) {
        const struct crew_log_bin *b = &c->log->bin[i];
        *seconds = b->seconds;
        *worker_s = b->worker_s;
        *loss = b->loss;
    } else {
        double *const to[3] = {seconds, worker_s, loss};
        for (size_t k = 0; k < 3; k++) {
            const json_t *v = c->points ? json_array_get(json_array_get(c->points, i), k)
                                        : json_array_get(c->column[k], i);
            *to[k] = json_is_number(v) ? json_number_value(v) : (double)NAN;
        }
    }
    return *seconds >= 0 && *seconds <= CREW_LOG_MOST && *worker_s >= 0 &&
           *worker_s <= CREW_LOG_MOST && fabs(*loss) <= CREW_LOG_MOST;
}

/* ---- Latencies ---- */

enum { MOST_SQUARES = 256 }; /* in a row: each is a line of the page */

static double latency(const json_t *rows, size_t from, size_t to)
{
    const json_t *v = json_array_get(json_array_get(rows, from), to);
    double ns = json_number_value(v);
    return from != to && ns > 0 && ns <= CREW_LOG_MOST ? ns : (double)NAN;
}

bool crew_latencies_of(const json_t *rows, struct crew_latencies *out)
{
    size_t n = json_array_size(rows);
    *out = (struct crew_latencies){
        .n = n, .each = n ? (n - 1) / MOST_SQUARES + 1 : 1, .low = (double)INFINITY};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            double ns = latency(rows, i, k);
            if (ns < out->low) {
                out->low = ns;
                out->low_from = i;
                out->low_to = k;
            }
            if (ns > out->high) {
                out->high = ns;
                out->high_from = i;
                out->high_to = k;
            }
        }
    return out->high > 0;
}

double crew_latency_at(const json_t *rows, const struct crew_latencies *l, size_t from,
                       size_t to)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = from * l->each; i < (from + 1) * l->each && i < l->n; i++)
        for (size_t k = to * l->each; k < (to + 1) * l->each && k < l->n; k++)
            if (isfinite(latency(rows, i, k))) {
                sum += latency(rows, i, k);
                n++;
            }
    return n ? sum / (double)n : (double)NAN;
}

/* ---- Task times ---- */

bool crew_log_quantiles(const struct crew_log *log, uint32_t worker, double quantile[5])
{
    static const double share[5] = {0.05, 0.25, 0.5, 0.75, 0.95};
    double value[CREW_LOG_SAMPLES];
    const struct crew_log_samples *s =
        log->single ? &log->single->sample[worker] : &log->sample[worker];
    if (!s->n)
        return false;
    memcpy(value, s->value, s->n * sizeof *value);
    qsort(value, s->n, sizeof *value, crew_ascending);
    for (size_t k = 0; k < 5; k++)
        quantile[k] = crew_quantile(value, s->n, share[k]);
    return true;
}

/* ---- The last rounds ---- */

enum { MOST_ROUNDS = 10, MOST_SHOWN = 1200 };

/* As many whole rounds from the end as can be told apart. The round that the oldest span kept
 * belongs to may have lost some. */
static size_t first_shown(const struct crew_tasks *t, size_t *n_rounds)
{
    size_t held = t->n < CREW_LOG_SPANS ? (size_t)t->n : CREW_LOG_SPANS, shown = 0;
    *n_rounds = 0;
    for (size_t at = 0; at < held && *n_rounds < MOST_ROUNDS;) {
        size_t n = 0;
        const struct crew_log_span *x = &t->span[(t->n - 1 - at) % CREW_LOG_SPANS];
        while (at + n < held && t->span[(t->n - 1 - at - n) % CREW_LOG_SPANS].round == x->round)
            n++;
        if (*n_rounds && (at + n > MOST_SHOWN || (at + n == held && held < t->n)))
            break;
        at += n;
        shown = at;
        ++*n_rounds;
    }
    return shown;
}

static const struct crew_log_round *find_round(const struct crew_log_round *list, uint64_t n,
                                               uint64_t round)
{
    for (uint64_t i = 0; i < n && i < CREW_LOG_ROUNDS; i++)
        if (list[(n - 1 - i) % CREW_LOG_ROUNDS].round == round)
            return &list[(n - 1 - i) % CREW_LOG_ROUNDS];
    return NULL;
}

/* Start times since the round began; where they are not known a worker's tasks follow one
 * another. */
static double place(const struct crew_tasks *t, struct crew_log_span *x, size_t n,
                    double begin_s)
{
    double end_s = 0;
    for (size_t i = 0; i < n; i++) {
        if (t->absolute)
            x[i].start_s -= begin_s;
        else if (!t->measured)
            for (size_t k = 0; k < i; k++)
                if (x[k].worker == x[i].worker)
                    x[i].start_s = x[k].start_s + x[k].seconds;
        end_s = fmax(end_s, x[i].start_s + x[i].seconds);
    }
    return end_s;
}

/* One round, from span x on; begins at at_s in the plot. Returns when it ends there. */
static double take_round(const struct crew_log *log, struct crew_log_span *x, size_t n,
                         double at_s, double origin_s, struct crew_log_round *out)
{
    const struct crew_tasks *t = log->single;
    const struct crew_log_round *known = t->absolute
                                             ? find_round(t->round, t->n_rounds, x->round)
                                             : find_round(log->round, log->rounds, x->round);
    double begin_s = known ? known->begin_s : t->absolute ? x->start_s : 0;
    double busy_s = place(t, x, n, begin_s);
    *out = known ? *known : (struct crew_log_round){x->round, 0, busy_s, busy_s};
    out->begin_s = known && isfinite(origin_s) ? known->begin_s - origin_s : at_s;
    out->wait_s = fmax(out->wait_s, busy_s);
    out->seconds = fmax(out->seconds, out->wait_s);
    for (size_t i = 0; i < n; i++)
        x[i].start_s += out->begin_s;
    return out->begin_s + out->seconds;
}

/* When the first round shown began, where that is known of all of them; else NaN: they are
 * drawn one after the other. */
static double origin_of(const struct crew_log *log, const struct crew_last_rounds *l)
{
    const struct crew_tasks *t = log->single;
    double origin = (double)NAN;
    for (size_t i = 0; i < l->n; i++) {
        const struct crew_log_round *r =
            t->absolute ? find_round(t->round, t->n_rounds, l->span[i].round)
                        : find_round(log->round, log->rounds, l->span[i].round);
        if (!r)
            return (double)NAN;
        origin = i ? origin : r->begin_s;
    }
    return origin;
}

bool crew_last_rounds(const struct crew_log *log, struct crew_last_rounds *out)
{
    const struct crew_tasks *t = log->single;
    *out = (struct crew_last_rounds){0};
    if (!t || !t->n)
        return false;
    out->n = first_shown(t, &out->n_rounds);
    out->span = crew_alloc(out->n * sizeof *out->span);
    out->round = crew_alloc(out->n_rounds * sizeof *out->round);
    if (!out->span || !out->round)
        return false;
    for (size_t i = 0; i < out->n; i++)
        out->span[i] = t->span[(t->n - out->n + i) % CREW_LOG_SPANS];
    double origin_s = origin_of(log, out);
    for (size_t i = 0, r = 0, n; i < out->n; i += n, r++) {
        for (n = 1; i + n < out->n && out->span[i + n].round == out->span[i].round;)
            n++;
        out->end_s = take_round(log, out->span + i, n, out->end_s, origin_s, &out->round[r]);
    }
    out->workers = t->workers > log->workers ? t->workers : log->workers;
    out->workers = out->workers > CREW_LOG_WORKERS ? CREW_LOG_WORKERS : out->workers;
    return out->end_s > 0;
}

void crew_last_rounds_free(struct crew_last_rounds *l)
{
    crew_free(l->span);
    crew_free(l->round);
    *l = (struct crew_last_rounds){0};
}

/* ---- A watch ---- */

double crew_watched_at(const struct crew_watched *w, size_t stretch, size_t slot)
{
    const json_t *v = json_array_get(json_array_get(w->rows, stretch), slot);
    double per_s = json_is_number(v) ? json_number_value(v) / w->bucket_s : (double)NAN;
    return per_s >= 0 && per_s < CREW_LOG_MOST ? per_s : (double)NAN;
}

bool crew_watched_of(const json_t *benchmark, struct crew_watched *out)
{
    const json_t *watch = json_object_get(benchmark, "watch");
    double most = 0;
    *out = (struct crew_watched){.rows = json_object_get(watch, "tasks"),
                                 .bucket_s = crew_json_number(watch, "bucket_s")};
    out->n = json_array_size(out->rows);
    out->slots = json_array_size(json_array_get(out->rows, 0));
    out->shown = out->slots < CREW_LOG_WORKERS ? (uint32_t)out->slots : CREW_LOG_WORKERS;
    if (!(out->bucket_s > 0 && (double)out->n * out->bucket_s < CREW_LOG_MOST))
        return false;
    for (size_t i = 0; i < out->n; i++) {
        double all = 0;
        for (size_t k = 0; k < out->slots; k++) {
            double v = crew_watched_at(out, i, k);
            all += isfinite(v) ? v : 0;
            most = k < out->shown && v > most ? v : most;
        }
        out->first = i ? out->first : all;
        out->last = all;
    }
    return most > 0;
}
