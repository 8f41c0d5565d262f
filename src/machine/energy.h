/* Joules that the processor packages have taken, by the counters of RAPL where they can be
 * read.
 */
#ifndef CREW_MACHINE_ENERGY_H
#define CREW_MACHINE_ENERGY_H

#include <crew/status.h>
#include <stdint.h>

typedef struct crew_energy crew_energy;

/* Find the package zones below `folder`, NULL: /sys/class/powercap. CREW_EINPUT: there are
 * none, or they cannot be read, and err says why; CREW_ENOMEM. */
CREW_CHECKED crew_status crew_energy_open(const char *folder, crew_energy **out,
                                          struct crew_error *err);

/* Joules of all packages since open; NaN once a counter could not be read. Counters wrap after
 * some minutes at full power: read more often than that. Some 10 us a package. One thread at a
 * time. */
double crew_energy_joules(crew_energy *e);

uint32_t crew_energy_packages(const crew_energy *e);
void crew_energy_close(crew_energy *e); /* NULL is fine */

#endif
