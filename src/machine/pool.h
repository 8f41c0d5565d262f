/* n pinned threads. Worker 0's thread is the coordinator: it hands out jobs and does its own
 * share in between, so n slots need n threads. */
#ifndef CREW_MACHINE_POOL_H
#define CREW_MACHINE_POOL_H

#include "machine/bind.h"
#include <crew/machine.h>
#include <crew/status.h>

typedef struct crew_pool crew_pool;

typedef void crew_job(void *self, uint32_t worker);

struct crew_pool_config {
    const crew_machine *machine; /* must outlive the pool */
    uint32_t n; /* workers; worker i sits on slot i modulo the number of slots */
    bool fewer; /* when no more threads can be had, fewer workers will do, at least one */
    enum crew_bind bind;
    double spin_s; /* a waiting thread burns its core so long, then sleeps; 0 when shared */
};

/* Starts and pins the threads. CREW_ENOMEM, CREW_ETHREAD, CREW_EBIND (bind strict only). */
CREW_CHECKED crew_status crew_pool_create(const struct crew_pool_config *cfg, crew_pool **out,
                                          struct crew_error *err);
void crew_pool_destroy(crew_pool *p); /* NULL is fine; joins the threads */

uint32_t crew_pool_workers(const crew_pool *p);
/* Was worker i's pin read back? Its refusal as a sentence, or NULL. */
bool crew_pool_bound(const crew_pool *p, uint32_t worker);
const char *crew_pool_bind_note(const crew_pool *p);
/* Why there are fewer workers than were asked for, or NULL. */
const char *crew_pool_fewer_note(const crew_pool *p);

/* Run the job as the coordinator, worker 0, and sleep until it returns. From outside the pool,
 * one caller at a time. begin() does not wait; join() does, until `until_s` on the monotonic
 * clock
 * (< 0: for ever) at the latest: false, and the job still runs. */
void crew_pool_call(crew_pool *p, crew_job *job, void *self);
void crew_pool_begin(crew_pool *p, crew_job *job, void *self);
bool crew_pool_join(crew_pool *p, double until_s);

/* Coordinator only. start: worker >= 1 runs the job; wait: until it has. Each start needs its
 * wait. */
void crew_pool_start(crew_pool *p, uint32_t worker, crew_job *job, void *self);
void crew_pool_wait(crew_pool *p, uint32_t worker);
/* All workers at once, the coordinator included. */
void crew_pool_all(crew_pool *p, crew_job *job, void *self);

#endif
