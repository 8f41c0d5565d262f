#include "base/error.h"
#include "base/mem.h"
#include "policy/policies.h"
#include <stdio.h>
#include <string.h>

static const struct crew_policy_ops *const policies[] = {
    &crew_policy_uniform,  &crew_policy_fixed,  &crew_policy_queue,
    &crew_policy_greedy,   &crew_policy_ata,    &crew_policy_ata_empirical,
    &crew_policy_adaptive, &crew_policy_cohort,
};

const struct crew_option crew_policy_no_settings[] = {{.type = CREW_OPTION_END}};

const struct crew_policy_ops *crew_policy_at(size_t i)
{
    return i < sizeof policies / sizeof *policies ? policies[i] : NULL;
}

const struct crew_policy_ops *crew_policy_find(const char *name)
{
    size_t n = strcspn(name, ":");
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
        if (strlen(policies[i]->name) == n && memcmp(policies[i]->name, name, n) == 0)
            return policies[i];
    return NULL;
}

crew_status crew_policy_begin(const struct crew_policy_config *cfg, const char *name,
                              const struct crew_option *table, void *set, size_t bytes,
                              void **self, struct crew_error *err)
{
    char what[64];
    *self = NULL;
    snprintf(what, sizeof what, "policy %s", name);
    if (set)
        crew_option_defaults(table, set);
    TRY(crew_option_settings(table, cfg->settings, what, set, err));
    *self = crew_zalloc(bytes);
    return *self ? CREW_OK : crew_fail(err, CREW_ENOMEM, "not enough memory for %s", what);
}

crew_status crew_policy_check_groups(const struct crew_policy_config *cfg, const char *name,
                                     struct crew_error *err)
{
    if (cfg->struct_size < sizeof *cfg || !cfg->groups)
        return CREW_OK;
    return crew_fail(err, CREW_EINVAL,
                     "policy %s lets workers draw tasks from a queue, which are of no shard: "
                     "shards need one that plans, as adaptive, ata-empirical, uniform",
                     name);
}
