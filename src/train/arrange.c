/* Who computes, and who decides: speeds or threads, the executor on them, the policy with all
 * that it is told beforehand. */
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "exec/sim.h"
#include "exec/threads.h"
#include "train/trainer.h"
#include <string.h>

crew_status crew_arrange_speeds(crew_trainer *t, struct crew_error *err)
{
    if (!t->virtual_time)
        return CREW_OK;
    TRY(crew_speeds_parse(t->cfg.speeds, t->cfg.replay_wrap, &t->speeds, err));
    uint32_t n = crew_speeds_n(t->speeds);
    if (t->cfg.workers && t->cfg.workers != n)
        return crew_fail(err, CREW_EINVAL, "workers is %u, but speeds describes %u",
                         t->cfg.workers, n);
    return CREW_OK;
}

/* "0:1x 1:4x" -> slowdown[worker]; 0 where none is given. */
static crew_status parse_emulate(const char *text, double *slowdown, uint32_t n,
                                 struct crew_error *err)
{
    static const char between[] = " ,";
    for (const char *s = text + strspn(text, between); *s; s += strspn(s, between)) {
        size_t item = strcspn(s, between), colon = strcspn(s, ":");
        uint64_t i;
        double f;
        if (colon + 2 >= item || s[item - 1] != 'x' || !crew_text_u64(s, colon, &i) ||
            !crew_text_real(s + colon + 1, item - colon - 2, &f) || f < 1 || f > 1e6)
            return crew_fail(err, CREW_EINVAL,
                             "emulate: '%.*s' is not WORKER:FACTORx with a factor 1..1e6, as "
                             "in \"0:1x 1:4x\"",
                             (int)(item < 40 ? item : 40), s);
        if (i >= n)
            return crew_fail(err, CREW_EINVAL, "emulate: there is no worker %llu, there are %u",
                             (unsigned long long)i, n);
        if (slowdown[i] > 0)
            return crew_fail(err, CREW_EINVAL, "emulate: worker %llu is given twice",
                             (unsigned long long)i);
        slowdown[i] = f;
        s += item;
    }
    return CREW_OK;
}

/* ---- The executor ---- */

static crew_status make_threads(crew_trainer *t, void **self, struct crew_error *err)
{
    struct crew_threads_config e = {t->pool, t->machine, t->cfg.batch_tasks + t->spare, NULL};
    if (!t->cfg.emulate)
        return crew_threads_create(&e, self, err);
    double *slowdown = crew_zalloc(t->threads * sizeof *slowdown);
    if (!slowdown)
        return crew_fail(err, CREW_ENOMEM, "no memory for %u workers", t->threads);
    crew_status status = parse_emulate(t->cfg.emulate, slowdown, t->threads, err);
    e.slowdown = slowdown;
    if (status == CREW_OK)
        status = crew_threads_create(&e, self, err);
    crew_free(slowdown);
    return status;
}

/* In virtual time all threads together compute for all workers. */
static crew_status make_executor(crew_trainer *t, struct crew_error *err)
{
    void *threads;
    TRY(make_threads(t, &threads, err));
    if (!t->virtual_time) {
        t->loop.executor_self = threads;
        t->loop.executor = &crew_threads;
        return CREW_OK;
    }
    const struct crew_sim_config sim = {.speeds = t->speeds,
                                        .max_tasks = t->cfg.batch_tasks + t->spare,
                                        .carrier = &crew_threads,
                                        .carrier_self = threads,
                                        .carrier_workers = t->threads};
    TRY(crew_sim_create(&sim, &t->loop.executor_self, err));
    t->loop.executor = &crew_sim;
    return CREW_OK;
}

/* ---- The policy ---- */

static crew_status find_policy(const struct crew_config *cfg,
                               const struct crew_policy_ops **out, struct crew_error *err)
{
    const char *names[32];
    size_t n = 0;
    const struct crew_policy_ops *ops =
        cfg->policy_ops ? cfg->policy_ops : crew_policy_find(cfg->policy);
    for (; n < 32 && crew_policy_at(n); n++)
        names[n] = crew_policy_at(n)->name;
    if (!ops)
        return crew_fail_unknown(err, "policy", cfg->policy, names, n);
    if (ops->abi != CREW_POLICY_ABI)
        return crew_fail(err, CREW_EINVAL,
                         "policy %s is made for another version: abi %u, not %u", ops->name,
                         ops->abi, CREW_POLICY_ABI);
    *out = ops;
    return CREW_OK;
}

/* What is known of every worker's mean: what the user says, else what was measured, else what
 * is simulated. *out [n] or NULL: nothing; crew_free() it. */
static crew_status known_means(const crew_trainer *t, const struct crew_prior *prior,
                               double **out, struct crew_error *err)
{
    size_t n_times = 0;
    *out = NULL;
    if (t->cfg.times) {
        TRY(crew_times_read(t->cfg.times, out, &n_times, err));
        if (n_times == t->n)
            return CREW_OK;
        crew_times_free(*out);
        *out = NULL;
        return crew_fail(err, CREW_EINVAL, "times has %zu number%s for %u worker%s", n_times,
                         n_times == 1 ? "" : "s", t->n, t->n == 1 ? "" : "s");
    }
    bool measured = prior->known == t->n;
    if (!measured && !t->virtual_time)
        return CREW_OK;
    if (!(*out = crew_alloc(t->n * sizeof **out)))
        return crew_fail(err, CREW_ENOMEM, "no memory for %u workers", t->n);
    for (uint32_t i = 0; i < t->n; i++)
        (*out)[i] = measured ? prior->mean_s[i] : crew_speeds_mean(t->speeds, i, 1, 0);
    return CREW_OK;
}

/* A recording is run again as it was run: a policy that only used what was known beforehand, as
 * ata does for its alpha, must not know the recorded means now. One that needs them gets them.
 */
static crew_status create_policy(crew_trainer *t, struct crew_policy_config *cfg,
                                 const struct crew_prior *prior, struct crew_error *err)
{
    const double *means = cfg->mean_s;
    const struct crew_policy_ops *ops = t->loop.policy;
    bool told = t->cfg.times || prior->known == t->n;
    if (t->virtual_time && !told && strstr(t->cfg.speeds, "replay("))
        cfg->mean_s = NULL;
    crew_status status = ops->create(cfg, &t->loop.policy_self, err);
    if (status != CREW_EINVAL || cfg->mean_s == means)
        return status;
    cfg->mean_s = means;
    return ops->create(cfg, &t->loop.policy_self, err);
}

static crew_status make_policy(crew_trainer *t, struct crew_error *err)
{
    struct crew_policy_config cfg = {.struct_size = sizeof cfg,
                                     .n = t->n,
                                     .seed = t->cfg.seed,
                                     .groups = t->loop.request.groups};
    const struct crew_policy_ops *ops = NULL;
    struct crew_prior prior = {.tasks = NULL};
    double *means = NULL;
    TRY(find_policy(&t->cfg, &ops, err));
    (void)crew_text_name(t->cfg.policy, &cfg.settings);
    cfg.settings = t->cfg.policy_ops ? NULL : cfg.settings;
    crew_status status = crew_prior_read(t, &prior, err);
    if (status == CREW_OK)
        status = known_means(t, &prior, &means, err);
    cfg.mean_s = means;
    cfg.prior_tasks = prior.tasks;
    cfg.prior_mean_s = prior.mean_s;
    if (status == CREW_OK) {
        t->loop.policy = ops;
        status = create_policy(t, &cfg, &prior, err);
    }
    crew_free(means);
    crew_prior_free(&prior);
    return status;
}

crew_status crew_arrange(crew_trainer *t, struct crew_error *err)
{
    if (crew_loop_init(&t->loop, t->n) != CREW_OK)
        return crew_fail(err, CREW_ENOMEM, "no memory for %u workers", t->n);
    t->work.self = t;
    t->work.compute = crew_task_compute;
    t->work.settle = crew_task_settle;
    TRY(make_executor(t, err));
    TRY(crew_prior_fingerprint(t, err));
    return make_policy(t, err);
}
