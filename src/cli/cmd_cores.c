#include "cli/cli.h"
#include <jansson.h>

struct cores {
    struct crew_config cfg; /* only cores, smt and workers are options here */
    bool json;
};

static const struct crew_option own_options[] = {
    {.name = "json",
     .type = CREW_OPTION_FLAG,
     .help = "print one JSON object instead of tables"},
    {.type = CREW_OPTION_END},
};

static const char *kind_of(const struct crew_machine_info *m, const struct crew_slot *s)
{
    return s->kind < 0 ? NULL : m->kinds[s->kind].name;
}

static void print_slots(const struct crew_machine_info *m)
{
    printf("slot   cpu  core  package  numa  kind\n");
    for (uint32_t i = 0; i < m->n_slots; i++) {
        const struct crew_slot *s = &m->slots[i];
        char numa[16] = "-";
        if (s->numa >= 0)
            snprintf(numa, sizeof numa, "%d", s->numa);
        printf("%4u %5u %5u %8u %5s  %s\n", i, s->cpu, s->core, s->package, numa,
               kind_of(m, s) ? kind_of(m, s) : "-");
    }
}

static void print_kinds(const struct crew_machine_info *m)
{
    for (uint32_t i = 0; i < m->n_kinds; i++) {
        const struct crew_core_kind *k = &m->kinds[i];
        printf("%s %s: %u usable core%s, %u thread%s", i ? "     " : "kinds", k->name, k->cores,
               k->cores == 1 ? "" : "s", k->pus, k->pus == 1 ? "" : "s");
        if (k->efficiency >= 0 && m->n_kinds > 1)
            printf(", rank %d (0: slowest)", k->efficiency);
        putchar('\n');
    }
}

static void print_blas(void)
{
    struct crew_build_info b;
    crew_build_info(&b);
    printf(
        "BLAS  %s\n      flavour %s, kernel %s%s%s; own threads %u, in training 1 per worker\n",
        b.blas, b.blas_flavour, b.blas_core, b.blas_forced ? " forced by " : "",
        b.blas_forced ? b.blas_forced : "", b.blas_threads);
}

static void print_text(const struct crew_machine_info *m, uint32_t workers)
{
    print_slots(m);
    printf("\ncores %u of %u usable, threads %u of %u; packages %u, NUMA nodes %u; CPU quota ",
           m->usable_cores, m->cores, m->usable_pus, m->pus, m->packages, m->numa_nodes);
    if (m->quota_cores > 0)
        printf("%g cores\n", m->quota_cores);
    else
        printf("none\n");
    print_kinds(m);
    print_blas();
    for (uint32_t i = 0; i < m->n_notes; i++)
        printf("note: %s\n", m->notes[i]);
    if (workers > m->n_slots)
        printf("note: %u workers would share %u core%s\n", workers, m->n_slots,
               m->n_slots == 1 ? "" : "s");
}

static json_t *slots_as_json(const struct crew_machine_info *m)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < m->n_slots; i++) {
        const struct crew_slot *s = &m->slots[i];
        json_array_append_new(list, json_pack("{s:i, s:i, s:i, s:i, s:o, s:s?}", "slot", (int)i,
                                              "cpu", (int)s->cpu, "core", (int)s->core,
                                              "package", (int)s->package, "numa",
                                              s->numa < 0 ? json_null() : json_integer(s->numa),
                                              "kind", kind_of(m, s)));
    }
    return list;
}

static json_t *kinds_as_json(const struct crew_machine_info *m)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < m->n_kinds; i++) {
        const struct crew_core_kind *k = &m->kinds[i];
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:i, s:i}", "name", k->name, "efficiency",
                            k->efficiency < 0 ? json_null() : json_integer(k->efficiency),
                            "usable_cores", (int)k->cores, "usable_threads", (int)k->pus));
    }
    return list;
}

static void print_json(const struct crew_machine_info *m)
{
    struct crew_build_info b;
    crew_build_info(&b);
    json_t *notes = json_array();
    for (uint32_t i = 0; i < m->n_notes; i++)
        json_array_append_new(notes, json_string(m->notes[i]));
    json_t *o = json_pack(
        "{s:b, s:i, s:i, s:i, s:i, s:o, s:i, s:i, s:o, s:o, s:o, s:{s:s, s:s, s:s, s:s?, s:i}}",
        "this_system", (int)m->this_system, "cores", (int)m->cores, "threads", (int)m->pus,
        "usable_cores", (int)m->usable_cores, "usable_threads", (int)m->usable_pus,
        "quota_cores", m->quota_cores > 0 ? json_real(m->quota_cores) : json_null(), "packages",
        (int)m->packages, "numa_nodes", (int)m->numa_nodes, "kinds", kinds_as_json(m), "slots",
        slots_as_json(m), "notes", notes, "blas", "version", b.blas, "flavour", b.blas_flavour,
        "kernel", b.blas_core, "forced_by", b.blas_forced, "threads", (int)b.blas_threads);
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(o);
}

int run_cores(const struct command *self, int argc, char **argv)
{
    static const char *const names[] = {"workers", "cores", "smt", NULL};
    struct crew_option options[sizeof names / sizeof *names];
    struct cores c;
    struct crew_error err;
    crew_machine *machine;
    int first;
    pick_options(crew_train_options(), names, options);
    crew_config_init(&c.cfg);
    const struct parser p = {
        .command = self, .group = {{options, &c.cfg}, {own_options, &c.json}}, .n_groups = 2};
    int code = parse_options(&p, argc, argv, &first);
    if (code >= 0)
        return code;
    struct crew_machine_request rq = {c.cfg.cores, c.cfg.smt, c.cfg.workers};
    crew_status status = crew_machine_create(&rq, &machine, &err);
    if (status != CREW_OK)
        return fail(self, status, &err);
    if (c.json)
        print_json(crew_machine_info(machine));
    else
        print_text(crew_machine_info(machine), c.cfg.workers);
    crew_machine_destroy(machine);
    return finish(self, 0);
}
