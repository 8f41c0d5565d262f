#include "base/error.h"
#include "policy/policies.h"
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
