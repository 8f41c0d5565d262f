/* What a run was made with and on, as logs and comparisons write it down. */
#ifndef CREW_STUDY_FACTS_H
#define CREW_STUDY_FACTS_H

#include "study/runlog.h"
#include <jansson.h>

/* Options by name with their values as text, as a configuration is read back; those that are
 * not given are left out, and what is not UTF-8 is null. The caller's object; NULL: no memory.
 */
json_t *crew_settings_as_json(const struct crew_settings *set, size_t n_sets);

/* Cores, slots and BLAS. Likewise. */
json_t *crew_machine_as_json(const crew_machine *machine);

#endif
