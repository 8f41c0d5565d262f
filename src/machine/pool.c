/* Who may touch what
 *   member.job, self    C write before E1, the worker reads after it
 *   member.number       C only
 *   member.bound, bind_ W before its first E2, all read after create
 *   everything else     set in create, read by all
 *
 * E1 publish: C sets go (release)        ->  W sees it (acquire)
 * E2 collect: W sets done (release)      ->  C sees it (acquire)
 * E3 call:    the caller sets go of worker 0 and waits for its done: the same pair, roles
 * changed. go and done have cache lines of their own: each is written by one side and spun on
 * by the other. Checked by: make MODE=tsan stress_pool */
#include "machine/pool.h"
#include "base/blas.h"
#include "base/error.h"
#include "base/mem.h"
#include "machine/park.h"
#include "machine/thread.h"
#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

struct member {
    alignas(CREW_PAIR) struct crew_gate go;
    uint32_t number; /* of the last job; coordinator (worker 0: caller) only */
    crew_job *job;   /* NULL: leave */
    void *self;
    alignas(CREW_PAIR) struct crew_gate done;
    crew_pool *pool;
    uint32_t index;
    bool bound;
    crew_status bind_status;
    struct crew_error bind_error;
    pthread_t thread;
};

struct crew_pool {
    struct crew_pool_config cfg;
    uint32_t started;
    struct member *member; /* [n] */
    char note[600], fewer[160];
};

static void settle_in(struct member *m)
{
    const struct crew_pool_config *cfg = &m->pool->cfg;
    const struct crew_machine_info *info = crew_machine_info(cfg->machine);
    char name[16];
    snprintf(name, sizeof name, "crew %u", m->index % 100000);
    pthread_setname_np(pthread_self(), name);
    (void)prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0,
                0); /* ns: emulated cores sleep to the microsecond */
    crew_fpu_flush();
    crew_blas_enter_thread();
    m->bind_status = CREW_OK;
    if (cfg->bind != CREW_BIND_NONE)
        m->bind_status = crew_bind_self(cfg->machine, m->index % info->n_slots, &m->bind_error);
    m->bound = cfg->bind != CREW_BIND_NONE && m->bind_status == CREW_OK;
}

static void *work(void *arg)
{
    struct member *m = arg;
    uint32_t number = 0;
    settle_in(m);
    crew_gate_set(&m->done, 1); /* settled in; the first job is number 2 */
    for (;;) {
        number = crew_gate_wait(&m->go, number, m->pool->cfg.spin_s); /* E1 */
        if (!m->job)
            return NULL;
        m->job(m->self, m->index);
        crew_gate_set(&m->done, number); /* E2 */
    }
}

static void hand(struct member *m, crew_job *job, void *self)
{
    m->job = job;
    m->self = self;
    m->number = (m->number + 1) & (UINT32_MAX >> 1);
    crew_gate_set(&m->go, m->number); /* E1 */
}

/* done runs behind go by at most one, so "not the one before" is "the one asked for". */
static uint32_t number_before(const struct member *m)
{
    return (m->number - 1) & (UINT32_MAX >> 1);
}

static void await(struct member *m, double spin_s)
{
    (void)crew_gate_wait(&m->done, number_before(m), spin_s); /* E2 */
}

static crew_status check_binding(crew_pool *p, struct crew_error *err)
{
    uint32_t refused = 0;
    const struct member *first = NULL;
    for (uint32_t i = 0; i < p->cfg.n; i++) {
        if (p->member[i].bind_status == CREW_OK)
            continue;
        first = first ? first : &p->member[i];
        refused++;
    }
    if (!refused)
        return CREW_OK;
    if (p->cfg.bind == CREW_BIND_STRICT)
        return crew_fail(err, CREW_EBIND, "%s", first->bind_error.text);
    snprintf(p->note, sizeof p->note, "%u of %u workers are not bound: %s", refused, p->cfg.n,
             first->bind_error.text);
    return CREW_OK;
}

/* From the last one back to `first`. */
static void end_threads(crew_pool *p, uint32_t first)
{
    for (uint32_t i = first; i < p->started; i++)
        hand(&p->member[i], NULL, NULL);
    while (p->started > first)
        pthread_join(p->member[--p->started].thread, NULL);
}

/* Threads have run out, so one is given back: whoever made the pool may need it. */
static crew_status make_do(crew_pool *p, int why, struct crew_error *err)
{
    uint32_t asked = p->cfg.n, n = p->started > 1 ? p->started - 1 : p->started;
    if (!p->cfg.fewer || !n)
        return crew_fail(err, CREW_ETHREAD, "thread %u of %u does not start: %s",
                         p->started + 1, asked, strerror(why));
    end_threads(p, n);
    p->cfg.n = n;
    snprintf(p->fewer, sizeof p->fewer, "%u of %u workers: no more threads can be started: %s",
             n, asked, strerror(why));
    return CREW_OK;
}

static crew_status start_threads(crew_pool *p, struct crew_error *err)
{
    for (; p->started < p->cfg.n; p->started++) {
        struct member *m = &p->member[p->started];
        m->pool = p;
        m->index = p->started;
        m->number = 1; /* taken by "settled in" */
        int e = crew_thread_start(&m->thread, work, m);
        if (e)
            return make_do(p, e, err);
    }
    return CREW_OK;
}

crew_status crew_pool_create(const struct crew_pool_config *cfg, crew_pool **out,
                             struct crew_error *err)
{
    crew_status status = CREW_ENOMEM;
    *out = NULL;
    crew_pool *p = crew_zalloc(sizeof *p);
    if (!p)
        return crew_fail(err, CREW_ENOMEM, "no memory for the pool");
    p->cfg = *cfg; /* destroy joins p->started threads: safe from here on */
    if (!(p->member = crew_zalloc(cfg->n * sizeof *p->member))) {
        status = crew_fail(err, CREW_ENOMEM, "no memory for %u workers", cfg->n);
        goto fail;
    }
    if ((status = start_threads(p, err)) != CREW_OK)
        goto fail;
    for (uint32_t i = 0; i < p->cfg.n; i++)
        await(&p->member[i], 0);
    if ((status = check_binding(p, err)) != CREW_OK)
        goto fail;
    *out = p;
    return CREW_OK;
fail:
    crew_pool_destroy(p);
    return status;
}

void crew_pool_destroy(crew_pool *p)
{
    if (!p)
        return;
    end_threads(p, 0);
    crew_free(p->member);
    crew_free(p);
}

uint32_t crew_pool_workers(const crew_pool *p)
{
    return p->cfg.n;
}

bool crew_pool_bound(const crew_pool *p, uint32_t worker)
{
    return p->member[worker].bound;
}

const char *crew_pool_bind_note(const crew_pool *p)
{
    return p->note[0] ? p->note : NULL;
}

const char *crew_pool_fewer_note(const crew_pool *p)
{
    return p->fewer[0] ? p->fewer : NULL;
}

void crew_pool_begin(crew_pool *p, crew_job *job, void *self)
{
    hand(&p->member[0], job, self);
}

/* The caller only waits: its core belongs to a worker. */
bool crew_pool_join(crew_pool *p, double until_s)
{
    struct member *m = &p->member[0];
    return crew_gate_wait_until(&m->done, number_before(m), until_s); /* E2 */
}

void crew_pool_call(crew_pool *p, crew_job *job, void *self)
{
    crew_pool_begin(p, job, self);
    (void)crew_pool_join(p, -1);
}

void crew_pool_start(crew_pool *p, uint32_t worker, crew_job *job, void *self)
{
    hand(&p->member[worker], job, self);
}

void crew_pool_wait(crew_pool *p, uint32_t worker)
{
    await(&p->member[worker], p->cfg.spin_s);
}

void crew_pool_all(crew_pool *p, crew_job *job, void *self)
{
    for (uint32_t i = 1; i < p->cfg.n; i++)
        crew_pool_start(p, i, job, self);
    job(self, 0);
    for (uint32_t i = 1; i < p->cfg.n; i++)
        crew_pool_wait(p, i);
}
