#include "exec/home.h"
#include "machine/bind.h"

static const double RETRY_S = 1; /* a call costs a wake-up of each who is away */

crew_status crew_homes_create(crew_pool *pool, const crew_machine *machine,
                              struct crew_homes *out)
{
    const struct crew_machine_info *info = crew_machine_info(machine);
    uint32_t n = crew_pool_workers(pool);
    *out = (struct crew_homes){.pool = pool, .machine = machine, .n = n};
    out->home = crew_zalloc(n * sizeof *out->home);
    out->available = crew_zalloc(n * sizeof *out->available);
    if (!out->home || !out->available)
        return CREW_ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        bool bound = crew_pool_bound(pool, i);
        out->home[i].cpu = bound ? (int)info->slots[i % info->n_slots].cpu : -1;
        out->available[i] = true;
    }
    return CREW_OK;
}

void crew_homes_free(struct crew_homes *p)
{
    crew_free(p->home);
    crew_free(p->available);
}

/* Twice: a mask may be rewritten between our call and the look at what became of it. */
static bool bind_again(const struct crew_homes *p, uint32_t worker)
{
    uint32_t slot = worker % crew_machine_info(p->machine)->n_slots;
    return crew_bind_self(p->machine, slot, NULL) == CREW_OK ||
           crew_bind_self(p->machine, slot, NULL) == CREW_OK;
}

static void go_home(void *self, uint32_t worker)
{
    struct crew_homes *p = self;
    struct crew_home *at = &p->home[worker];
    if (bind_again(p, worker))
        at->where = CREW_AT_HOME;
    else if (at->where == CREW_AT_HOME)
        at->where = CREW_LOST;
}

/* Who is away already is called home by the coordinator, not at every task. */
bool crew_homes_check(struct crew_homes *p, uint32_t worker)
{
    const struct crew_home *at = &p->home[worker];
    int here = at->cpu >= 0 && at->where != CREW_LOST ? crew_bind_cpu() : -1;
    if (here < 0 || here == at->cpu)
        return false;
    if (at->where == CREW_AT_HOME)
        go_home(p, worker);
    return true;
}

void crew_homes_count(struct crew_homes *p)
{
    uint32_t lost = 0;
    p->away = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        lost += crew_homes_lost(p, i);
        p->away += p->home[i].where != CREW_AT_HOME;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        if (lost == p->n)
            p->home[i].where = CREW_ASTRAY;
        p->available[i] = !crew_homes_lost(p, i);
    }
}

void crew_homes_recall(struct crew_homes *p, double now)
{
    if (!p->away || now - p->tried_s < RETRY_S)
        return;
    p->tried_s = now;
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->home[i].where == CREW_AT_HOME)
            continue;
        if (i) {
            crew_pool_start(p->pool, i, go_home, p);
            crew_pool_wait(p->pool, i);
        } else {
            go_home(p, 0);
        }
    }
    crew_homes_count(p);
}
