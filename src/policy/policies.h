/* The built-in policies, one a file; crew_policy_find() is how everybody else gets at them. */
#ifndef CREW_POLICY_POLICIES_H
#define CREW_POLICY_POLICIES_H

#include <crew/policy.h>

extern const struct crew_policy_ops crew_policy_uniform, crew_policy_fixed, crew_policy_queue,
    crew_policy_greedy, crew_policy_ata, crew_policy_ata_empirical, crew_policy_adaptive,
    crew_policy_cohort;

/* The table of a policy without settings: refuses any that are given. */
extern const struct crew_option crew_policy_no_settings[];

/* How create() of a policy with state begins: its settings to `set`, defaults included (NULL:
 * it has none, as the table says), and *self zeroed, so many bytes. On failure *self is NULL.
 */
CREW_CHECKED crew_status crew_policy_begin(const struct crew_policy_config *cfg,
                                           const char *name, const struct crew_option *table,
                                           void *set, size_t bytes, void **self,
                                           struct crew_error *err);

/* CREW_EINVAL: there are several groups, and this policy lets workers be open. */
CREW_CHECKED crew_status crew_policy_check_groups(const struct crew_policy_config *cfg,
                                                  const char *name, struct crew_error *err);

#endif
