#include "study/facts.h"
#include "base/json.h"
#include <stdbool.h>
#include <string.h>

json_t *crew_settings_as_json(const struct crew_settings *set, size_t n_sets)
{
    json_t *config = json_object();
    char text[64];
    bool whole = config != NULL;
    for (size_t i = 0; i < n_sets; i++)
        for (const struct crew_option *o = set[i].table; o->type != CREW_OPTION_END; o++) {
            const char *value = text;
            if (o->type == CREW_OPTION_STRING) /* of any length */
                memcpy(&value, (const char *)set[i].base + o->offset, sizeof value);
            else if (!crew_option_show(o, set[i].base, text, sizeof text))
                value = NULL;
            if (value) /* null where it is not UTF-8: a rerun asks */
                whole &= json_object_set_new(config, o->name, crew_json_text(value, NULL)) == 0;
        }
    if (whole)
        return config;
    json_decref(config);
    return NULL;
}

json_t *crew_machine_as_json(const crew_machine *machine)
{
    const struct crew_machine_info *m = crew_machine_info(machine);
    struct crew_build_info b;
    crew_build_info(&b);
    json_t *slots = json_array();
    for (uint32_t i = 0; i < m->n_slots; i++) {
        const struct crew_slot *s = &m->slots[i];
        json_array_append_new(slots,
                              json_pack("{s:i, s:i, s:i, s:s?}", "cpu", (int)s->cpu, "core",
                                        (int)s->core, "numa", (int)s->numa, "kind",
                                        s->kind < 0 ? NULL : m->kinds[s->kind].name));
    }
    if (!(slots = crew_json_whole(slots, m->n_slots)))
        return NULL;
    return json_pack("{s:o, s:o, s:i, s:i, s:o, s:s, s:s, s:s, s:s?}", "cpu_model",
                     crew_json_text(m->cpu_model ? m->cpu_model : "unknown", NULL), "kernel",
                     crew_json_text(m->kernel ? m->kernel : "unknown", NULL), "cores",
                     (int)m->cores, "usable_cores", (int)m->usable_cores, "slots", slots,
                     "blas", b.blas, "blas_flavour", b.blas_flavour, "blas_core", b.blas_core,
                     "blas_forced", b.blas_forced);
}
