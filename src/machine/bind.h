/* Pinning of the calling thread, and what else has to be set in each worker itself. */
#ifndef CREW_MACHINE_BIND_H
#define CREW_MACHINE_BIND_H

#include <crew/machine.h>
#include <stdbool.h>
#include <stdint.h>

/* What a refused pin means. crew_bind_self() only reports; its caller decides by this. */
enum crew_bind {
    CREW_BIND_PREFER, /* a warning, the worker runs unpinned */
    CREW_BIND_STRICT, /* an error */
    CREW_BIND_NONE    /* do not pin at all */
};

/* "prefer", "strict", "none". CREW_EINVAL: another text. */
CREW_CHECKED crew_status crew_bind_parse(const char *text, enum crew_bind *out,
                                         struct crew_error *err);

/* Pin the calling thread to a slot and check it: the mask is read back, and the thread must run
 * there when this returns. slot < n_slots. CREW_EBIND: refused, changed under us, or the
 * machine is only described. Nothing restores the old mask: for threads of our own only. */
crew_status crew_bind_self(const crew_machine *m, uint32_t slot, struct crew_error *err);

/* Is the calling thread's mask still that of its slot? Others may change it: container managers
 * rewrite masks, and a CPU that was offline for a moment leaves its threads with all CPUs. */
bool crew_bind_holds(const crew_machine *m, uint32_t slot);

/* OS number of the CPU the calling thread is running on, -1: unknown. */
int crew_bind_cpu(void);

/* Flush denormal numbers to zero in the calling thread, in operands and results. The flag
 * belongs to a thread: workers that differ in it differ in speed (up to 100 times) and in last
 * bits. */
void crew_fpu_flush(void);

#endif
