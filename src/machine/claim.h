/* Noticing another trainer on the same cores. Two pools that spin for the same core slow each
 * other down far more than by half, so the one that comes second should know. */
#ifndef CREW_MACHINE_CLAIM_H
#define CREW_MACHINE_CLAIM_H

#include <crew/machine.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct crew_claim crew_claim;

/* Claim the physical cores of some slots machine-wide, each once, until destroy or the end of
 * the process.
 *
 * slot     [n] numbers of slots, repetitions allowed
 * n_taken  out: how many of these cores another trainer holds already, of any process, this one
 * too
 *
 * A claim stops nobody; taken cores are only counted. Where claims are impossible (a described
 * machine, a system without abstract sockets, no descriptors left) none is made and none is
 * found taken. Trainers in different network namespaces do not see each other. Fails for want
 * of memory only. */
CREW_CHECKED crew_status crew_claim_create(const crew_machine *m, const uint32_t *slot,
                                           uint32_t n, crew_claim **out, uint32_t *n_taken,
                                           struct crew_error *err);
/* Does a trainer hold this core, named by its lowest CPU, now? */
bool crew_claim_taken(uint32_t cpu);
void crew_claim_destroy(crew_claim *c);

#endif
