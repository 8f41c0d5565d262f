#include "study/compare_json.h"
#include "base/error.h"
#include "base/json.h"
#include "study/facts.h"
#include "train/output.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Below, NULL is want of memory, and what goes into an object that way fails there. */

/* NaN is not JSON: null. */
static json_t *real(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *text(const char *s)
{
    return crew_json_text(s, NULL); /* a path may be anything, JSON is UTF-8 */
}

/* ---- Policies ---- */

static json_t *figure_as_json(const struct crew_comparison_policy *p, uint32_t repeats,
                              enum crew_comparison_figure figure)
{
    json_t *list = json_array();
    for (uint32_t r = 0; r < repeats; r++) {
        const struct crew_comparison_run *run = &p->run[r];
        json_t *v = !run->finished                 ? json_null()
                    : figure == CREW_FIGURE_ROUNDS ? json_integer((json_int_t)run->rounds)
                                                   : real(crew_comparison_value(run, figure));
        json_array_append_new(list, v);
    }
    return crew_json_whole(list, repeats);
}

static json_t *digests_as_json(const struct crew_comparison_policy *p, uint32_t repeats)
{
    json_t *list = json_array();
    char digest[20];
    for (uint32_t r = 0; r < repeats; r++) {
        snprintf(digest, sizeof digest, "%016llx",
                 (unsigned long long)p->run[r].weights_digest);
        json_array_append_new(list, p->run[r].finished ? json_string(digest) : json_null());
    }
    return crew_json_whole(list, repeats);
}

static bool set(json_t *o, const char *key, json_t *value)
{
    return json_object_set_new(o, key, value) == 0;
}

static bool set_flags(json_t *o, const struct crew_comparison_policy *p, uint32_t repeats,
                      bool target)
{
    json_t *reached = json_array(), *timed_out = json_array();
    for (uint32_t r = 0; r < repeats; r++) {
        const struct crew_comparison_run *run = &p->run[r];
        json_array_append_new(reached, run->finished && target ? json_boolean(run->reached)
                                                               : json_null());
        json_array_append_new(timed_out,
                              run->finished ? json_boolean(run->timed_out) : json_null());
    }
    bool first = set(o, "reached", crew_json_whole(reached, repeats));
    return set(o, "timed_out", crew_json_whole(timed_out, repeats)) && first;
}

static json_t *ratio_as_json(const struct crew_spread *s)
{
    return json_pack("{s:i, s:o, s:o, s:o, s:o}", "repeats", (int)s->n, "median",
                     real(s->median), "low", real(s->low), "high", real(s->high),
                     "within_noise",
                     s->n > 1 ? json_boolean(crew_spread_holds_one(s)) : json_null());
}

static json_t *reals(const double *v, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, real(v[i]));
    return crew_json_whole(list, n);
}

static bool set_details(json_t *o, const struct crew_comparison_policy *p, uint32_t workers)
{
    json_t *seconds = json_array(), *worker_s = json_array(), *loss = json_array();
    for (size_t i = 0; i < p->n_points; i++) {
        json_array_append_new(seconds, real(p->point[i].seconds));
        json_array_append_new(worker_s, real(p->point[i].worker_s));
        json_array_append_new(loss, real(p->point[i].loss));
    }
    bool whole =
        set(o, "curve",
            json_pack("{s:o, s:o, s:o}", "seconds", crew_json_whole(seconds, p->n_points),
                      "worker_seconds", crew_json_whole(worker_s, p->n_points), "loss",
                      crew_json_whole(loss, p->n_points)));
    whole &= set(o, "quota_mean", reals(p->quota_mean, workers));
    return set(o, "tasks_mean", reals(p->tasks_mean, workers)) && whole;
}

static json_t *policy_as_json(const struct crew_comparison *c,
                              const struct crew_comparison_policy *p, bool details)
{
    bool target = isfinite(c->target_loss) || isfinite(c->target_accuracy);
    json_t *o = json_pack("{s:o, s:b, s:b}", "policy", text(p->policy), "drops", (int)p->drops,
                          "other_weights", (int)p->other_weights);
    bool whole = o != NULL;
    for (int f = 0; f < CREW_FIGURES; f++)
        whole &= set(o, crew_comparison_key((enum crew_comparison_figure)f),
                     figure_as_json(p, c->repeats, (enum crew_comparison_figure)f));
    whole &= set_flags(o, p, c->repeats, target);
    whole &= set(o, "weights_digest", digests_as_json(p, c->repeats));
    whole &= set(o, "ratio_train", ratio_as_json(&p->ratio_train));
    whole &= set(o, "ratio_worker", ratio_as_json(&p->ratio_worker));
    if (details)
        whole &= set_details(o, p, c->workers);
    if (whole)
        return o;
    json_decref(o);
    return NULL;
}

/* ---- The rest ---- */

/* Whole numbers in JSON have 63 bits here; beyond them a seed is a text. */
static json_t *seeds_as_json(const struct crew_comparison *c)
{
    json_t *list = json_array();
    char digits[24];
    for (uint32_t r = 0; r < c->repeats; r++) {
        uint64_t seed = c->seed + (c->virtual_time ? r : 0);
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)seed);
        json_array_append_new(list, seed <= INT64_MAX ? json_integer((json_int_t)seed)
                                                      : json_string(digits));
    }
    return crew_json_whole(list, c->repeats);
}

json_t *crew_comparison_json(const struct crew_comparison *c, const struct crew_settings *set,
                             size_t n_sets, bool whole)
{
    json_t *policies = json_array();
    for (size_t p = 0; p < c->n_policies; p++)
        json_array_append_new(policies, policy_as_json(c, &c->policy[p], whole));
    return json_pack(
        "{s:s, s:o, s:o, s:i, s:o, s:i, s:s, s:o, s:o, s:i, s:o, s:b, s:o, s:s?, s:s, s:s, "
        "s:o, s:o}",
        "kind", "comparison", "policies", crew_json_whole(policies, c->n_policies), "against",
        text(c->policy[c->against].policy), "repeats", (int)c->repeats, "seeds",
        seeds_as_json(c), "workers", (int)c->workers, "executor",
        c->virtual_time ? "sim" : "threads", "target_loss", real(c->target_loss),
        "target_accuracy", real(c->target_accuracy), "target_window_rounds", (int)c->window,
        "same_weights",
        c->same == CREW_SAME_UNKNOWN ? json_null() : json_boolean(c->same == CREW_SAME_YES),
        "stopped", (int)c->stopped, "error", text(c->error[0] ? c->error : NULL),
        "joules_reason", c->no_energy[0] ? c->no_energy : NULL, "date", c->date, "version",
        crew_version(), "machine", crew_machine_as_json(c->machine), "config",
        crew_settings_as_json(set, n_sets));
}

crew_status crew_comparison_save(const struct crew_comparison *c,
                                 const struct crew_settings *set, size_t n_sets,
                                 const char *path, bool replace, struct crew_error *err)
{
    json_t *o = crew_comparison_json(c, set, n_sets, true);
    char *json = crew_json_dump(o, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    json_decref(o);
    if (!json)
        return crew_fail(err, CREW_ENOMEM, "no memory to write %s", path);
    crew_status status =
        crew_output_write(path, replace, &(struct crew_piece){json, strlen(json)}, 1, err);
    free(json);
    return status;
}
