/* Workers and their cores. A core can be taken away while a worker runs on it: a CPU goes
 * offline, a cpuset shrinks, somebody rewrites the thread's mask. The system then moves the
 * thread to a core that may be another worker's. It tries to go back at once; where that is
 * refused, it hands back what it has not begun and gets nothing until it is back. When nobody
 * is left at home, all run wherever they are. */
#ifndef CREW_EXEC_HOME_H
#define CREW_EXEC_HOME_H

#include "base/mem.h"
#include "machine/pool.h"
#include <stdalign.h>
#include <stdbool.h>

enum crew_where { CREW_AT_HOME, CREW_LOST, CREW_ASTRAY };

/* One worker's. Its own thread writes it, or the coordinator while it has no job: the pool
 * publishes it. */
struct crew_home {
    alignas(CREW_PAIR) int cpu; /* that it is pinned to, -1: none, so it cannot be away */
    enum crew_where where;
};

/* Coordinator only, but for home. */
struct crew_homes {
    crew_pool *pool;
    const crew_machine *machine;
    uint32_t n;
    struct crew_home *home; /* [n] */
    bool *available;        /* [n] not lost */
    uint32_t away;          /* workers that are not at home */
    double tried_s;         /* when they last tried to go there */
};

/* Both are borrowed. CREW_ENOMEM; crew_homes_free() in any case. */
CREW_CHECKED crew_status crew_homes_create(crew_pool *pool, const crew_machine *machine,
                                           struct crew_homes *out);
void crew_homes_free(struct crew_homes *p);

/* Worker's own thread. Is it on another core than its own? Then it tries to go back, once.
 * Costs some 20 ns where all is well. */
bool crew_homes_check(struct crew_homes *p, uint32_t worker);

static inline bool crew_homes_lost(const struct crew_homes *p, uint32_t worker)
{
    return p->home[worker].where == CREW_LOST;
}

/* Coordinator, while nobody works: who is there, after some were lost; and once a second those
 * who are away try to go home. */
void crew_homes_count(struct crew_homes *p);
void crew_homes_recall(struct crew_homes *p, double now);

#endif
