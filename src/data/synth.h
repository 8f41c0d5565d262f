/* Generated data for benchmarks: blobs. */
#ifndef CREW_DATA_SYNTH_H
#define CREW_DATA_SYNTH_H

#include "data/table.h"

/* Does the name begin with "synth:"? */
bool crew_synth_is(const char *name);

/* Make synth:ROWSxFEATURESxCLASSES or synth:ROWSxHEIGHTxWIDTHxDEPTHxCLASSES: each class a
 * centre, each row its class's centre and noise. Row r is of class r mod classes. The same
 * numbers on every machine, a function of (seed, shape, row). Neighbouring classes overlap by a
 * few per cent. */
CREW_CHECKED crew_status crew_synth_make(const char *name, uint64_t seed, uint64_t max_bytes,
                                         struct crew_table *out, struct crew_error *err);

#endif
