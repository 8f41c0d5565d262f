#include "cli/cli.h"
#include "cli/cores.h"
#include "cli/json.h"

static json_t *whole_or_null(bool known, uint64_t v)
{
    return known && v <= INT64_MAX ? json_integer((json_int_t)v) : json_null();
}

static json_t *index_or_null(int32_t v)
{
    return whole_or_null(v >= 0, (uint64_t)v);
}

static json_t *slots_as_json(const struct crew_machine_info *m)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < m->n_slots; i++) {
        const struct crew_slot *s = &m->slots[i];
        json_array_append_new(list, json_pack("{s:i, s:i, s:i, s:o, s:o, s:o}", "slot", (int)i,
                                              "cpu", (int)s->cpu, "core", (int)s->core,
                                              "package", whole_or_null(m->packages, s->package),
                                              "numa", index_or_null(s->numa), "kind",
                                              text_or_null(kind_of(m, s->kind))));
    }
    return list;
}

static json_t *facts_as_json(const struct crew_core_kind *k)
{
    json_t *facts = json_object();
    for (uint32_t i = 0; i < k->n_facts; i++) /* a name that is not UTF-8 is dropped */
        (void)json_object_set_new(facts, k->facts[i].name, text_or_null(k->facts[i].value));
    return facts;
}

static json_t *kinds_as_json(const struct crew_machine_info *m)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < m->n_all_kinds; i++) {
        const struct crew_core_kind *k = &m->kinds[i];
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "name",
                            text_or_null(k->name), "efficiency", index_or_null(k->efficiency),
                            "usable_cores", (int)k->cores, "usable_threads", (int)k->pus,
                            "cores", (int)k->all_cores, "threads", (int)k->all_pus, "capacity",
                            whole_or_null(k->capacity, k->capacity), "base_mhz",
                            whole_or_null(k->base_mhz, k->base_mhz), "max_mhz",
                            whole_or_null(k->max_mhz, k->max_mhz), "core_type",
                            text_or_null(k->core_type), "info", facts_as_json(k)));
    }
    return list;
}

static json_t *packages_as_json(const struct crew_machine_info *m)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < m->all_packages; i++) {
        const struct crew_package *p = &m->package[i];
        json_array_append_new(
            list, json_pack("{s:i, s:o, s:i, s:i, s:i, s:i, s:s}", "package", (int)i,
                            "cpu_model", text_or_null(p->cpu_model), "cores", (int)p->cores,
                            "threads", (int)p->pus, "usable_cores", (int)p->usable_cores,
                            "usable_threads", (int)p->usable_pus, "cpus", p->cpus));
    }
    return list;
}

static json_t *nodes_as_json(const struct crew_machine_info *m)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < m->numa_nodes; i++) {
        const struct crew_numa_node *n = &m->node[i];
        json_array_append_new(
            list,
            json_pack("{s:I, s:b, s:o, s:o, s:o, s:i, s:i, s:i, s:s}", "node",
                      (json_int_t)n->node, "allowed", (int)n->allowed, "subtype",
                      text_or_null(n->subtype), "bytes", whole_or_null(true, n->bytes),
                      "free_bytes", whole_or_null(n->free_bytes != UINT64_MAX, n->free_bytes),
                      "cores", (int)n->cores, "threads", (int)n->pus, "usable_threads",
                      (int)n->usable_pus, "cpus", n->cpus));
    }
    return list;
}

static json_t *caches_as_json(const struct crew_machine_info *m)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < m->n_caches; i++) {
        const struct crew_cache *c = &m->caches[i];
        json_array_append_new(list, json_pack("{s:i, s:o, s:o, s:i, s:i, s:i}", "level",
                                              (int)c->level, "kind",
                                              text_or_null(kind_of(m, c->kind)), "bytes",
                                              whole_or_null(c->bytes, c->bytes), "count",
                                              (int)c->count, "shared_by_cores", (int)c->cores,
                                              "shared_by_threads", (int)c->pus));
    }
    return list;
}

static json_t *slot_of(const struct crew_machine_info *m, const struct crew_cpu *c)
{
    uint32_t i = 0;
    while (i < m->n_slots && m->slots[i].cpu != c->cpu)
        i++;
    return whole_or_null(i < m->n_slots, i);
}

static json_t *cpu_as_json(const struct crew_machine_info *m, const struct crew_cpu *c)
{
    return json_pack("{s:i, s:o, s:b, s:s, s:o, s:o, s:o}", "cpu", (int)c->cpu, "kind",
                     text_or_null(kind_of(m, c->kind)), "usable", (int)c->usable, "state",
                     crew_cpu_state_word(c->state), "slot", slot_of(m, c), "max_mhz",
                     whole_or_null(c->max_mhz, c->max_mhz), "governor",
                     *c->governor ? text_or_null(c->governor) : json_null());
}

/* Threads of a core follow each other. What is offline is in no core known: one entry for all.
 */
static json_t *cores_as_json(const struct crew_machine_info *m)
{
    json_t *list = json_array(), *threads = NULL;
    for (uint32_t i = 0; i < m->n_cpus; i++) {
        const struct crew_cpu *c = &m->cpus[i];
        if (i == 0 || c->core != c[-1].core) {
            bool known = c->core != UINT32_MAX;
            threads = json_array();
            json_array_append_new(
                list, json_pack("{s:o, s:o, s:o, s:o}", "core", whole_or_null(known, c->core),
                                "package", whole_or_null(known && m->packages, c->package),
                                "numa", index_or_null(c->numa), "threads", threads));
        }
        json_array_append_new(threads, cpu_as_json(m, c));
    }
    return list;
}

static json_t *blas_as_json(void)
{
    struct crew_build_info b;
    crew_build_info(&b);
    return json_pack("{s:s, s:s, s:s, s:s?, s:i}", "version", b.blas, "flavour", b.blas_flavour,
                     "kernel", b.blas_core, "forced_by", b.blas_forced, "threads",
                     (int)b.blas_threads);
}

json_t *machine_as_json(const struct crew_machine_info *m)
{
    json_t *notes = json_array();
    for (uint32_t i = 0; i < m->n_notes; i++)
        json_array_append_new(notes, text_or_null(m->notes[i]));
    json_t *machine =
        json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:i, s:i, s:o, s:i, s:i}",
                  "this_system", (int)m->this_system, "cpu_model", text_or_null(m->cpu_model),
                  "platform", text_or_null(m->platform), "architecture",
                  text_or_null(m->architecture), "kernel", text_or_null(m->kernel), "microcode",
                  text_or_null(m->microcode), "cores", (int)m->cores, "threads", (int)m->pus,
                  "usable_cores", (int)m->usable_cores, "usable_threads", (int)m->usable_pus,
                  "quota_cores", m->quota_cores > 0 ? json_real(m->quota_cores) : json_null(),
                  "packages", (int)m->packages, "numa_nodes", (int)m->numa_nodes);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "machine", machine,
                     "packages", packages_as_json(m), "nodes", nodes_as_json(m), "kinds",
                     kinds_as_json(m), "caches", caches_as_json(m), "cores", cores_as_json(m),
                     "slots", slots_as_json(m), "notes", notes, "blas", blas_as_json());
}
