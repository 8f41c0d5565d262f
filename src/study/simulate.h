/* Policies in virtual time, without a model: what `crew sim` does. */
#ifndef CREW_STUDY_SIMULATE_H
#define CREW_STUDY_SIMULATE_H

#include <crew/crew.h>

/* Scenarios and the laws of the grammar, by name, for help: NULL past the end. */
const struct crew_entry *crew_scenario_at(size_t i);
const struct crew_entry *crew_simulation_law_at(size_t i);

struct crew_simulation_config {
    const char *scenario; /* "paper-sqrt", "throttle" ..., or NULL */
    const char *speeds;   /* instead: the grammar of exec/speed.h */
    uint32_t workers;     /* of a scenario; with speeds 0, or as many as they describe */
    uint32_t batch_tasks; /* B */
    uint64_t rounds;      /* K, below 2^32; these three 0: the scenario's own, or 23, 10000 */
    const char *policy;   /* "greedy,fixed,ata:width=2"; also "oracle": in every round the
                             split of the true means */
    const char *seeds;    /* "1,2,3" */
    uint64_t pretrain;    /* rounds whose statistics every policy starts from, below 2^32 */
    const char *profile;  /* or a file with them; NULL: none */
    const char *save_profile; /* needs one policy and one seed */
    const char *curve;        /* CSV, or NULL */
    uint64_t curve_every;     /* rounds between its points; 0: about 20 points a decade */
    bool replay_wrap;         /* a recording that runs out starts again */
    bool replace;             /* existing files */
    /* Called now and then, about every 0.1 s; false stops. done: share of all simulations. */
    bool (*on_progress)(void *user, const char *policy, uint64_t seed, double done);
    void *user;
};

/* Over the seeds; se NaN: there is only one. mean NaN: not defined for this policy, or there
 * was no greedy to compare with. */
struct crew_figure {
    double mean, se;
};

struct crew_policy_figures {
    const char *policy;                   /* as typed */
    struct crew_figure round_s, worker_s; /* mean of a round: its length, all workers' time */
    struct crew_figure time_ratio, cost_ratio; /* its time / greedy's, greedy's cost / its */
    struct crew_figure oracle_ratio;  /* its time / the oracle's, where that is one of them */
    struct crew_figure loss_ratio;    /* its proxy loss / that of the split by true means */
    struct crew_figure regret_s;      /* proxy regret after all rounds */
    struct crew_figure explore_share; /* rounds whose plan was made to learn */
    struct crew_figure plan_us;       /* wall microseconds of planning and learning a round */
};

struct crew_simulation {
    uint32_t workers, batch_tasks;
    uint64_t rounds;
    size_t n_seeds, n_policies;
    const uint64_t *seeds; /* [n_seeds] */
    struct crew_policy_figures
        *figures; /* [n_policies]; after a stop those that were finished */
    bool stopped;
    void *own;
};

/* CREW_EINVAL, CREW_EINPUT (also: a recording ran out), CREW_EFORMAT, CREW_EOUTPUT, CREW_ENOMEM
 * (estimated before anything big is taken). */
CREW_CHECKED crew_status crew_simulate(const struct crew_simulation_config *cfg,
                                       struct crew_simulation *out, struct crew_error *err);
void crew_simulation_free(struct crew_simulation *s); /* zeroed is fine, and after a failure */

#endif
