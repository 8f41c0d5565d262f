#include "cli/cli.h"
#include "cli/json.h"
#include "cli/signals.h"
#include "study/simulate.h"
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char DEFAULT_POLICIES[] =
    "greedy,fixed,uniform,queue,ata,ata-empirical,adaptive,cohort";
static const char BLANK[] = " \t\r\n\v\f";

struct sim {
    struct crew_simulation_config cfg;
    const char *seed;
    bool csv, json, quiet;
};

#define ROW(NAME, LETTER, TYPE, FIELD, ...)                         \
    {                                                               \
        .name = NAME, .letter = LETTER, .type = CREW_OPTION_##TYPE, \
        .offset = offsetof(struct sim, FIELD), __VA_ARGS__          \
    }

static const struct crew_option options[] = {
    ROW("scenario", 0, STRING, cfg.scenario, .argument = "NAME",
        .help = "task times of the ATA paper, or of a machine that changes; see crew list "
                "scenarios"),
    ROW("speeds", 0, STRING, cfg.speeds, .argument = "\"COUNT*LAW ...\"",
        .help = "task times of your own, see crew help speeds"),
    ROW("workers", 'w', U32, cfg.workers, .min = 1, .max = 2e9, .argument = "N",
        .help = "how many the scenario has, if not its own number; speeds say it themselves"),
    ROW("batch-tasks", 'B', U32, cfg.batch_tasks, .min = 1, .max = 2e9, .argument = "TASKS",
        .help = "results a round, the paper's B; default the scenario's, or 23"),
    ROW("rounds", 0, U64, cfg.rounds, .min = 1, .max = 4e9, .argument = "N",
        .help = "rounds to simulate with each policy; default the scenario's, or 10000"),
    ROW("policy", 'p', STRING, cfg.policy, .argument = "NAMES",
        .help =
            "one or several with their settings, as in greedy,ata:width=4,alpha=2; see crew "
            "list policies; also oracle, which knows the true means of every round; default "
            "all but that"),
    ROW("seed", 's', STRING, seed, .argument = "N",
        .help = "fixes all random numbers; 1 if not given"),
    ROW("seeds", 0, STRING, cfg.seeds, .argument = "N,N,...",
        .help = "simulate once with each and print means with their standard errors"),
    ROW("pretrain", 0, U64, cfg.pretrain, .min = 0, .max = 4e9, .argument = "ROUNDS",
        .help = "let each policy learn for so many rounds that are not counted"),
    ROW("profile", 0, STRING, cfg.profile, .argument = "FILE",
        .help = "policies start from the times in this file; see save-profile"),
    ROW("save-profile", 0, STRING, cfg.save_profile, .argument = "FILE",
        .help = "write what was measured of each worker; takes one policy and one seed"),
    ROW("curve", 0, STRING, cfg.curve, .argument = "FILE.csv",
        .help = "write cumulative time, worker time and regret at about 20 rounds per factor "
                "of ten"),
    ROW("curve-every", 0, U64, cfg.curve_every, .min = 1, .max = 4e9, .argument = "ROUNDS",
        .help = "let the curve have a point every so many rounds instead"),
    ROW("replay-wrap", 0, FLAG, cfg.replay_wrap,
        .help = "start a recording in speeds again when it runs out"),
    ROW("csv", 0, FLAG, csv, .help = "print one CSV line a policy instead of a table"),
    ROW("json", 0, FLAG, json, .help = "print one JSON object instead of a table"),
    ROW("force", 'f', FLAG, cfg.replace, .help = "replace existing outputs"),
    ROW("quiet", 'q', FLAG, quiet, .help = "print results only, no progress and no notes"),
    {.type = CREW_OPTION_END},
};

/* ---- Progress: one line rewritten on a terminal, a plain line every two seconds elsewhere
 * ---- */

enum { PLAIN_CALLS = 20 }; /* of on_progress(), ten a second */

struct progress {
    bool quiet, terminal, drawn; /* drawn: something stands on the terminal's line */
    bool watched;                /* before something is simulated, a signal just ends it */
    size_t calls;
};

static bool on_progress(void *user, const char *policy, uint64_t seed, double done)
{
    struct progress *p = user;
    char text[160];
    struct winsize w;
    if (!p->watched)
        signals_watch();
    p->watched = true;
    if (!p->quiet && (p->terminal || ++p->calls % PLAIN_CALLS == 0)) {
        int width =
            p->terminal && ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col - 1 : 159;
        snprintf(text, sizeof text, "%3.0f%%  %.100s, seed %" PRIu64, 100 * done, policy, seed);
        fprintf(stderr, p->terminal ? "\r%.*s\033[K" : "%.*s\n", width, text);
        p->drawn = p->terminal;
    }
    return !signals_caught();
}

/* ---- Figures: one list of columns for all three forms ---- */

enum { NAME_LEAST = 13, NAME_MOST = 24, SPEEDS_MOST = 70 };

static const struct column {
    const char *key;                                   /* in JSON and CSV */
    const char *head;                                  /* in the table */
    size_t offset;                                     /* of the struct crew_figure */
    int width;                                         /* in the table */
    const char *format;                                /* of a number there */
    double scale;                                      /* times this there */
    enum { ALWAYS, WITHOUT_ORACLE, WITH_ORACLE } when; /* it stands there */
} columns[] = {
#define COLUMN(KEY, HEAD, FIELD, ...)                                       \
    {                                                                       \
        KEY, HEAD, offsetof(struct crew_policy_figures, FIELD), __VA_ARGS__ \
    }
    COLUMN("round_mean_s", "round s", round_s, 11, "%.5g", 1, ALWAYS),
    COLUMN("worker_mean_s", "worker s", worker_s, 11, "%.5g", 1, ALWAYS),
    COLUMN("time_ratio", "time", time_ratio, 8, "%.3f", 1, WITHOUT_ORACLE),
    COLUMN("cost_ratio", "cost", cost_ratio, 8, "%.3f", 1, WITHOUT_ORACLE),
    COLUMN("oracle_ratio", "oracle", oracle_ratio, 8, "%.3f", 1, WITH_ORACLE),
    COLUMN("loss_ratio", "split", loss_ratio, 8, "%.3f", 1, WITH_ORACLE),
    COLUMN("proxy_regret_s", "regret s", regret_s, 11, "%.5g", 1, ALWAYS),
    COLUMN("explore_share", "explore%", explore_share, 9, "%.2f", 100, ALWAYS),
    COLUMN("plan_us", "plan us", plan_us, 9, "%.3g", 1, ALWAYS),
#undef COLUMN
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static const struct crew_figure *figure(const struct crew_policy_figures *f, size_t column)
{
    return (const void *)((const char *)f + columns[column].offset);
}

/* ---- The table ---- */

static bool has_oracle(const struct crew_simulation *s)
{
    return isfinite(s->figures[0].oracle_ratio.mean);
}

static bool stands_in_table(const struct column *c, const struct crew_simulation *s)
{
    return c->when == ALWAYS || (c->when == WITH_ORACLE) == has_oracle(s);
}

/* One number, or a dash; with a sign of two bytes before it, one character wide. */
static void print_number(const struct column *c, double v, const char *sign)
{
    char text[64] = "-";
    if (isfinite(v))
        snprintf(text, sizeof text, c->format, v * c->scale);
    else
        sign = "";
    int blanks = c->width - (int)strlen(text) - (*sign ? 1 : 0);
    printf("%*s%s%s", blanks > 1 ? blanks : 1, "", sign, text);
}

static void print_policy(const struct crew_simulation *s, const struct crew_policy_figures *f,
                         int name_width)
{
    int length = (int)strlen(f->policy);
    if (length > name_width)
        printf("%s\n%*s", f->policy, name_width, "");
    else
        printf("%-*s", name_width, f->policy);
    for (size_t c = 0; c < COLUMNS; c++)
        if (stands_in_table(&columns[c], s))
            print_number(&columns[c], figure(f, c)->mean, "");
    fputc('\n', stdout);
    if (s->n_seeds < 2)
        return;
    printf("%*s", name_width, "");
    for (size_t c = 0; c < COLUMNS; c++) {
        struct column se = columns[c];
        se.format = "%.2g";
        if (stands_in_table(&se, s))
            print_number(&se, figure(f, c)->se, "±");
    }
    fputc('\n', stdout);
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* On one line, whatever file they came from. */
static void print_speeds(const char *speeds)
{
    int left = SPEEDS_MOST; /* characters */
    const char *s = speeds + strspn(speeds, BLANK);
    for (size_t blanks; left && *s; s += blanks ? blanks : 1) {
        blanks = strspn(s, BLANK);
        if (!s[blanks])
            break;
        bool control = (unsigned char)*s < ' ' || *s == 0x7f;
        fputc(blanks ? ' ' : control ? '?' : *s, stdout);
        left -= blanks || (s[1] & 0xc0) != 0x80; /* the last byte of a character */
    }
    fputs(s[strspn(s, BLANK)] ? "..." : "", stdout);
}

static void print_footer(const struct sim *sim, const struct crew_simulation *s)
{
    printf("\n%s ", sim->cfg.scenario ? "scenario" : "speeds");
    print_speeds(sim->cfg.scenario ? sim->cfg.scenario : sim->cfg.speeds);
    printf(sim->cfg.scenario ? ": " : "\n");
    printf("%" PRIu32 " worker%s, %" PRIu32 " task%s a round, %" PRIu64 " round%s, seed%s ",
           s->workers, plural(s->workers), s->batch_tasks, plural(s->batch_tasks), s->rounds,
           plural(s->rounds), plural(s->n_seeds));
    for (size_t k = 0; k < s->n_seeds; k++)
        printf("%s%" PRIu64, k ? "," : "", s->seeds[k]);
    printf("\nround, worker  mean seconds of a round: its length, all workers' time\n%s"
           "regret         proxy loss of all rounds above that of the split by true means;\n"
           "               none (-) for policies that plan no split\n"
           "explore        rounds that were planned to learn\n"
           "plan us        microseconds to plan a round and to learn from it\n",
           has_oracle(s)
               ? "oracle         length of the rounds / the oracle's; lower is better\n"
                 "split          proxy loss, by the true means / that of the best split\n"
               : "time           length of the rounds / greedy's; lower is better\n"
                 "cost           greedy's worker time / the policy's; higher is better\n");
    if (s->n_seeds > 1)
        printf("±              standard error of the mean of %zu seeds\n", s->n_seeds);
}

static void print_table(const struct sim *sim, const struct crew_simulation *s)
{
    int name = NAME_LEAST;
    for (size_t p = 0; p < s->n_policies; p++) {
        int length = (int)strlen(s->figures[p].policy);
        name = length > name && length <= NAME_MOST ? length : name;
    }
    printf("%-*s", name, "policy");
    for (size_t c = 0; c < COLUMNS; c++)
        if (stands_in_table(&columns[c], s))
            printf("%*s", columns[c].width, columns[c].head);
    fputc('\n', stdout);
    for (size_t p = 0; p < s->n_policies; p++)
        print_policy(s, &s->figures[p], name);
    print_footer(sim, s);
}

/* ---- For programs ---- */

static void print_csv(const struct crew_simulation *s)
{
    printf("policy");
    for (int se = 0; se < (s->n_seeds > 1 ? 2 : 1); se++)
        for (size_t c = 0; c < COLUMNS; c++)
            printf(",%s%s", columns[c].key, se ? "_se" : "");
    fputc('\n', stdout);
    for (size_t p = 0; p < s->n_policies; p++) {
        const char *quote = strchr(s->figures[p].policy, ',') ? "\"" : "";
        printf("%s%s%s", quote, s->figures[p].policy, quote);
        for (int se = 0; se < (s->n_seeds > 1 ? 2 : 1); se++)
            for (size_t c = 0; c < COLUMNS; c++) {
                const struct crew_figure *f = figure(&s->figures[p], c);
                double v = se ? f->se : f->mean;
                printf(isfinite(v) ? ",%.17g" : ",", v);
            }
        fputc('\n', stdout);
    }
}

static json_t *policy_as_json(const struct crew_simulation *s,
                              const struct crew_policy_figures *f)
{
    char key[40];
    json_t *o = json_object();
    json_object_set_new(o, "policy", text_or_null(f->policy));
    for (size_t c = 0; c < COLUMNS; c++)
        json_object_set_new(o, columns[c].key, real_or_null(figure(f, c)->mean));
    for (size_t c = 0; c < COLUMNS && s->n_seeds > 1; c++) {
        snprintf(key, sizeof key, "%s_se", columns[c].key);
        json_object_set_new(o, key, real_or_null(figure(f, c)->se));
    }
    return o;
}

/* Whole numbers in JSON have 63 bits here; beyond them a seed is a text. */
static json_t *seed_as_json(uint64_t seed)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, seed);
    return seed <= INT64_MAX ? json_integer((json_int_t)seed) : json_string(text);
}

static void print_json(const struct sim *sim, const struct crew_simulation *s)
{
    json_t *policies = json_array(), *seeds = json_array();
    for (size_t p = 0; p < s->n_policies; p++)
        json_array_append_new(policies, policy_as_json(s, &s->figures[p]));
    for (size_t k = 0; k < s->n_seeds; k++)
        json_array_append_new(seeds, seed_as_json(s->seeds[k]));
    bool scenario = sim->cfg.scenario != NULL;
    json_t *o = json_pack("{s:o, s:I, s:I, s:I, s:o, s:b, s:o}", "policies", policies,
                          "workers", (json_int_t)s->workers, "batch_tasks",
                          (json_int_t)s->batch_tasks, "rounds", (json_int_t)s->rounds, "seeds",
                          seeds, "stopped", (int)s->stopped, scenario ? "scenario" : "speeds",
                          text_or_null(scenario ? sim->cfg.scenario : sim->cfg.speeds));
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    fputc('\n', stdout);
    json_decref(o);
}

/* ---- The command ---- */

/* -1: all is well. What the library would refuse, too, is refused here in the options' names.
 */
static int check_usage(const struct command *self, struct sim *sim)
{
    static const struct crew_option seed = {.name = "seed", .type = CREW_OPTION_U64};
    struct crew_simulation_config *cfg = &sim->cfg;
    struct crew_error why;
    uint64_t number;
    if (!cfg->scenario && !cfg->speeds)
        return usage_error(self, "--scenario or --speeds is missing: how long tasks take");
    if (cfg->scenario && cfg->speeds)
        return usage_error(self, "--scenario and --speeds exclude each other");
    if (cfg->speeds && !cfg->speeds[strspn(cfg->speeds, BLANK)])
        return usage_error(self, "--speeds is empty: how long tasks take");
    if (cfg->replay_wrap && !(cfg->speeds && strstr(cfg->speeds, "replay(")))
        return usage_error(self, "--replay-wrap needs a replay(FILE) in --speeds");
    if (cfg->pretrain && cfg->profile)
        return usage_error(self, "--pretrain and --profile exclude each other");
    if (sim->json && sim->csv)
        return usage_error(self, "--json and --csv exclude each other");
    if (sim->seed && cfg->seeds)
        return usage_error(self, "--seed and --seeds exclude each other");
    if (sim->seed && crew_option_set(&seed, sim->seed, &number, &why) != CREW_OK)
        return usage_error(self, "--%s", why.text);
    if (!cfg->policy)
        cfg->policy = DEFAULT_POLICIES;
    if (!cfg->seeds)
        cfg->seeds = sim->seed ? sim->seed : "1";
    return -1;
}

static void print_notes(const struct sim *sim, const struct crew_simulation *s)
{
    if (s->stopped)
        fprintf(stderr, "crew sim: stopped; policies that were finished: %zu%s\n",
                s->n_policies, sim->cfg.save_profile ? ", and no profile is written" : "");
    else if (!sim->quiet && isnan(s->figures[0].time_ratio.mean) && !has_oracle(s))
        fprintf(stderr, "note: without greedy or oracle in --policy there are no ratios\n");
}

int run_sim(const struct command *self, int argc, char **argv)
{
    struct sim sim;
    struct crew_simulation result;
    struct crew_error err = {.status = CREW_OK};
    int first;
    const struct parser p = {.command = self, .group = {{options, &sim}}, .n_groups = 1};
    int code = parse_options(&p, argc, argv, &first);
    if (code < 0)
        code = check_usage(self, &sim);
    if (code >= 0)
        return code;
    struct progress progress = {.quiet = sim.quiet, .terminal = isatty(2) == 1};
    sim.cfg.on_progress = on_progress;
    sim.cfg.user = &progress;
    crew_status status = crew_simulate(&sim.cfg, &result, &err);
    if (progress.drawn)
        fputs("\r\033[K", stderr);
    else if (progress.terminal && signals_caught())
        fputc('\n', stderr); /* after the ^C that the terminal shows */
    if (status != CREW_OK)
        return fail(self, status, &err);
    print_notes(&sim, &result);
    if (sim.json)
        print_json(&sim, &result);
    else if (sim.csv)
        print_csv(&result);
    else if (result.n_policies)
        print_table(&sim, &result);
    code = result.stopped && !result.n_policies ? 128 + signals_caught() : 0;
    crew_simulation_free(&result);
    return finish(self, code);
}
