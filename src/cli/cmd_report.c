#include "cli/cli.h"
#include "study/report.h"
#include <stddef.h>
#include <string.h>

struct report {
    struct crew_report_config cfg;
    bool quiet;
};

static const struct crew_option options[] = {
    {.name = "output",
     .letter = 'o',
     .type = CREW_OPTION_STRING,
     .offset = offsetof(struct report, cfg.output),
     .value = "report.html",
     .argument = "FILE.html",
     .help = "the page; its numbers go beside it, to FILE-loss.csv and others"},
    {.name = "force",
     .letter = 'f',
     .type = CREW_OPTION_FLAG,
     .offset = offsetof(struct report, cfg.replace),
     .help = "replace existing outputs"},
    {.name = "quiet",
     .letter = 'q',
     .type = CREW_OPTION_FLAG,
     .offset = offsetof(struct report, quiet),
     .help = "print errors only"},
    {.type = CREW_OPTION_END},
};

static void on_note(void *user, const char *sentence)
{
    const struct report *r = user;
    if (!r->quiet)
        fprintf(stderr, "note: %s\n", sentence);
}

/* Of the files that were named, not of their lines: told in any case. */
static void on_skip(void *user, const char *sentence)
{
    (void)user;
    fprintf(stderr, "crew report: %s\n", sentence);
}

int run_report(const struct command *self, int argc, char **argv)
{
    struct report r = {.quiet = false};
    struct crew_error err = {.status = CREW_OK};
    int first;
    const struct parser p = {
        .command = self, .group = {{options, &r}}, .n_groups = 1, .least = 1, .most = 64};
    int code = parse_options(&p, argc, argv, &first);
    if (code < 0 && !strcmp(r.cfg.output, "-"))
        code = usage_error(self, "--output is a file: the numbers go to files beside it");
    if (code >= 0)
        return code;
    r.cfg.inputs = (const char *const *)(argv + first);
    r.cfg.n_inputs = (size_t)(argc - first);
    r.cfg.on_note = on_note;
    r.cfg.on_skip = on_skip;
    r.cfg.user = &r;
    crew_status status = crew_report(&r.cfg, &err);
    if (status != CREW_OK)
        return fail(self, status, &err);
    if (!r.quiet)
        fprintf(stderr, "the report is in %s\n", r.cfg.output);
    return finish(self, 0);
}
