/** @file policy.h
 * Write an allocation policy: plan a round, observe its timings. A policy is given numbers, never
 * a clock, a thread or a core, so it cannot tell real from virtual time. */
#ifndef CREW_POLICY_H
#define CREW_POLICY_H

#include <crew/option.h>
#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CREW_POLICY_ABI 1u

/** What a policy is asked for. */
struct crew_plan_request {
    uint64_t round;        /**< from 1 */
    uint64_t tasks;        /**< B of this round, >= 1; the last round of an epoch may have fewer */
    uint32_t n;            /**< workers */
    const bool *available; /**< [n] false: gone (offline, retired); gets nothing. NULL: all here */
    const uint32_t *group; /**< [n] group of worker i, below `groups`: the shard of the data that its tasks
                                read. NULL: one group, without a floor */
    const uint64_t *floor; /**< [groups] least tasks of a group with an available worker; they sum to at most B */
    uint32_t groups;       /**< at most n, each with a worker */
};

/** A round's plan. See crew_plan_check() for what makes it legal. */
struct crew_plan {
    uint64_t *quota; /**< [n] tasks reserved for worker i */
    bool *open;      /**< [n] after its quota the worker draws from what is left of B */
    bool *overrun;   /**< [n] and goes on past B: the first B results count, the rest is dropped */
};

/** Flags of a timing: marked by the executor, judged by the policy. */
enum {
    CREW_WARM_UP = 1u << 0,   /**< a worker's first task: page faults, lazy buffers, slow clocks */
    CREW_SUSPENDED = 1u << 1, /**< the machine slept meanwhile */
    CREW_MIGRATED = 1u << 2   /**< ran on another core than the one it is pinned to */
};

/** One task's timing. Sorted by (worker, order of execution) before a policy sees them. */
struct crew_timing {
    uint32_t worker;
    uint32_t task;      /**< number of the task in its round, from 0; planning must not depend on it */
    double start_s;     /**< when it began, seconds after its round did; planning must not depend on it */
    double seconds;     /**< wall, > 0; of a dropped task: how long it ran until then (censored) */
    double cpu_seconds; /**< thread CPU; NaN where not measured */
    double work;        /**< in units of a full task: a short last task is below 1 */
    uint32_t flags;     /**< CREW_WARM_UP ... */
    bool kept;          /**< false: dropped */
};

/** What a policy is created with. */
struct crew_policy_config {
    size_t struct_size;
    uint32_t n;           /**< workers, >= 1 */
    uint64_t seed;        /**< for random remainders */
    const char *settings; /**< what follows the colon in NAME:SETTINGS, or NULL */
    const double *mean_s; /**< [n] known mean seconds per task, each > 0, or NULL */
    /** [n] what was measured before, to start from: so many full tasks, >= 0, of that mean, > 0 where
     *  there were any. Both or none; NULL: nothing is known. */
    const double *prior_tasks, *prior_mean_s;
    uint32_t groups;      /**< requests will have so many, see struct crew_plan_request; 0: none. A policy that lets
                               workers be open must refuse any */
};

/** A decision about a worker, for the log. */
struct crew_policy_event {
    uint32_t worker;
    const char *reason;       /**< a few words: "slower"; constant */
    double before_s, after_s; /**< seconds of a full task that plans count with; NaN: not known */
};

/** A policy as a table of functions. One object is used by one thread at a time. plan() and
 *  observe() are called once a round, in this order, and allocate nothing. */
struct crew_policy_ops {
    uint32_t abi;        /**< CREW_POLICY_ABI; new functions go at the end, NULL = absent */
    const char *name;    /**< as typed: "ata-empirical"; settings follow: "ata-empirical:eta=0.25" */
    const char *summary; /**< one line without a full stop, for `crew list policies` */
    const struct crew_option *settings; /**< table of settings for help, or NULL */
    /** On failure *self is NULL and err (may be NULL) says why. A policy without state may leave
     *  *self NULL on success too. */
    CREW_CHECKED crew_status (*create)(const struct crew_policy_config *cfg, void **self,
                                       struct crew_error *err);
    /** Fill every entry of out. Called with quota 0, open and overrun false. */
    void (*plan)(void *self, const struct crew_plan_request *rq, struct crew_plan *out);
    /** Learn from a round's timings; NULL: learns nothing. */
    void (*observe)(void *self, const struct crew_timing *t, size_t n_timings);
    /** State as numbers: how many there are; the first cap of them go to out. NULL: stateless. */
    size_t (*save)(const void *self, double *out, size_t cap);
    CREW_CHECKED crew_status (*load)(void *self, const double *in, size_t n);
    /** A remark on how it is doing ("alpha is 0.012 s, twice the largest mean seen"), once it has
     *  one; NULL or "" otherwise. Owned by self, valid until its next call. */
    const char *(*remark)(const void *self);
    void (*destroy)(void *self); /**< NULL is fine */
    /** Was the last plan made to learn, at the price of a longer round? NULL: never. */
    bool (*exploring)(const void *self);
    /** What was decided of workers in the last round, plan() and observe(); returns how many. *out is
     *  owned by self and valid until its next call. NULL: nothing ever. */
    size_t (*events)(const void *self, const struct crew_policy_event **out);
};

/** The policy called `name` (up to a colon or the end), or NULL. Any thread. */
CREW_API const struct crew_policy_ops *crew_policy_find(const char *name);

/** Built-in policies in the order `crew list policies` shows; NULL past the end. */
CREW_API const struct crew_policy_ops *crew_policy_at(size_t i);

/** Is the plan legal? Quotas sum to at most B, and to exactly B unless some available worker is
 *  open; nobody who is not available has anything; overrun implies open; with groups every floor is kept
 *  and nobody is open, as a task from the queue would be of no group. Else CREW_EINVAL and which rule is
 *  broken. O(n), and that again for every 256 groups. */
CREW_CHECKED CREW_API crew_status crew_plan_check(const struct crew_plan_request *rq,
                                                  const struct crew_plan *plan,
                                                  struct crew_error *err);

/** Split equal tasks so that the busiest worker is done as early as possible.
 *      quota = argmin over a in N^n, sum(a) = tasks, of  max_i a[i] * cost[i]
 *
 * @param cost    [n] predicted seconds per task, each finite and > 0
 * @param n       workers, >= 1
 * @param tasks   B; 0 gives all zeros
 * @param scratch [n] the caller's; contents do not matter before or after
 * @param quota   [n] out, written in full; must not overlap cost or scratch
 *
 * Ties: the choice that leaves fewest workers at the maximum, then one that wakes no further worker,
 * then the lower number. Cannot fail. O(n), independent of tasks.
 * Any thread, while no one else writes the arrays.
 *
 * Exact, not a heuristic: each task goes where it finishes first. prop_minmax = exhaustive search.
 * Source: "next allocation" of ATA, Maranjyan, Saad, Richtarik, Orabona, ICML 2025,
 * arXiv:2502.00775, proxy loss l(a, s) = max_i a_i s_i. The tie rule is ours.
 */
CREW_API void crew_minmax_split(const double *cost, uint32_t n, uint64_t tasks, double *scratch,
                                uint64_t *quota);

/** The same where everybody has some tasks already: the exact split under floors.
 *      quota = argmin over a in N^n, a[i] >= least[i], sum(a) = tasks, of  max_i a[i] * cost[i]
 *
 * @param cost    [n] predicted seconds per task, each finite and > 0
 * @param n       workers, >= 1
 * @param tasks   B, at least the sum of least
 * @param least   [n] tasks that worker i has in any case
 * @param scratch [3 n] the caller's; contents do not matter before or after
 * @param quota   [n] out, written in full; must not overlap what is read
 *
 * For floors of groups (crew_plan_request.floor) least is crew_minmax_split() of each floor among the
 * group's workers: then max_i a[i] * cost[i] is the least of all allocations that keep the floors. That
 * step loses nothing: where t is that least maximum, each floor's own split ends by t, so the items up to
 * t hold it, and with it B tasks. Ties: as above, among the tasks beyond least. Cannot fail. O(n), independent
 * of tasks; all least 0: crew_minmax_split() itself, bit for bit.
 * Any thread, while no one else writes the arrays.
 *
 * Exact: tasks beyond least go one at a time to where each is done first. prop_floors = exhaustive search
 * over all allocations that keep the groups' floors. The tasks go by the rule of D'Hondt, which is
 * house-monotone, so seats given beforehand that the rule itself would give change nothing.
 */
CREW_API void crew_minmax_split_from(const double *cost, uint32_t n, uint64_t tasks,
                                     const uint64_t *least, double *scratch, uint64_t *quota);

#ifdef __cplusplus
}
#endif
#endif
