/* One thread beside the pool, for what must not hold up a round: writing files. It is bound
 * nowhere; the system runs it where there is room. One caller at a time. */
#ifndef CREW_MACHINE_BACKGROUND_H
#define CREW_MACHINE_BACKGROUND_H

#include <crew/status.h>
#include <stdbool.h>

typedef struct crew_background crew_background;

/* CREW_ENOMEM, CREW_ETHREAD. */
CREW_CHECKED crew_status crew_background_create(crew_background **out, struct crew_error *err);
void crew_background_destroy(crew_background *b); /* NULL is fine; waits for its job */

/* Run job(self) there, once the one before it is done; does not wait for this one. */
void crew_background_start(crew_background *b, void (*job)(void *self), void *self);
/* Is a job still running? Once false, all it wrote is visible. */
bool crew_background_busy(crew_background *b);
void crew_background_wait(crew_background *b);

#endif
