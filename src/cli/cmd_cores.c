#include "cli/cli.h"
#include "cli/cores.h"

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

static void print_notes(const struct crew_machine_info *m, uint32_t workers)
{
    struct crew_build_info b;
    crew_build_info(&b);
    if (m->n_notes || b.blas_forced || workers > m->n_slots)
        putchar('\n');
    for (uint32_t i = 0; i < m->n_notes; i++)
        printf("note: %s\n", m->notes[i]);
    if (workers > m->n_slots)
        printf("note: %u workers would share %u core%s\n", workers, m->n_slots,
               m->n_slots == 1 ? "" : "s");
    if (b.blas_forced)
        printf("warning: %s in the environment forces the BLAS kernel %s: speed and last "
               "bits may not be those of this processor\n",
               b.blas_forced, b.blas_core);
}

static void print_json(const struct crew_machine_info *m)
{
    json_t *o = machine_as_json(m);
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
    options[0].help = "worker threads, 0: one per chosen core";
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
    const struct crew_machine_info *m = crew_machine_info(machine);
    if (c.json)
        print_json(m);
    else {
        print_machine(stdout, m);
        print_notes(m, c.cfg.workers);
    }
    crew_machine_destroy(machine);
    return finish(self, 0);
}
