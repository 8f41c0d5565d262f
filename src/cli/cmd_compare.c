#include "cli/cli.h"
#include "cli/compare_table.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "study/compare_json.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

struct compare {
    struct crew_data_config data_cfg;
    struct crew_config cfg;
    struct {
        const char *policy, *against;
        uint32_t repeats;
        double warm_up_s, target_loss, target_accuracy;
    } own;
    struct {
        const char *config, *save;
        bool force, csv, json, quiet;
    } files;
    struct crew_option train_options[MAX_OPTIONS]; /* without the policy: it is a list here */
    struct crew_option unused_options[8];          /* of a single run */
    struct crew_config unused;
    void *texts; /* of --config */
    struct crew_data data;
    struct crew_dataset_info info;
    struct progress progress;
    bool told; /* the notes of the trainers, which are those of the first */
};

#define ROW(GROUP, NAME, LETTER, TYPE, FIELD, ...)                                         \
    {                                                                                      \
        .name = NAME, .letter = LETTER, .type = CREW_OPTION_##TYPE,                        \
        .offset = offsetof(struct compare, GROUP.FIELD) - offsetof(struct compare, GROUP), \
        __VA_ARGS__                                                                        \
    }

/* "" as a default: the option takes "help", as those that take a name do. */
static const struct crew_option own_options[] = {
    ROW(own, "policy", 'p', STRING, policy, .value = "", .argument = "NAMES",
        .help = "all, or some with their settings, as in queue,ata:width=4,alpha=2; not "
                "given: uniform,queue,greedy,adaptive (with shards uniform,adaptive), and "
                "fixed where "
                "times are known"),
    ROW(own, "repeats", 'n', U32, repeats, .min = 1, .max = CREW_COMPARISON_REPEATS,
        .value = "3", .argument = "N", .help = "runs of every policy, in turn"),
    ROW(own, "against", 0, STRING, against, .argument = "NAME",
        .help = "ratios are to this policy, or to best: the fastest; not given: the first"),
    ROW(own, "target-loss", 0, REAL, target_loss, .min = 1e-30, .max = 1e30, .argument = "LOSS",
        .help = "end a run when the training loss, smoothed over the last rounds (an epoch's, "
                "100 at most), is so low"),
    ROW(own, "target-accuracy", 0, REAL, target_accuracy, .min = 1e-9, .max = 1,
        .argument = "SHARE",
        .help = "end a run when the validation accuracy is so high; see val-fraction"),
    ROW(own, "warm-up", 0, REAL, warm_up_s, .min = 0, .max = 1e9, .value = "1",
        .argument = "SECONDS",
        .help = "train so long before the first run; not in virtual time"),
    {.type = CREW_OPTION_END},
};

static const struct crew_option file_options[] = {
    ROW(files, "config", 0, STRING, config, .argument = "FILE",
        .help = "start from this configuration: JSON, the log of a run, or a comparison"),
    ROW(files, "save", 0, STRING, save, .argument = "FILE.json",
        .help = "write all of it, with loss curves and quotas, for crew report"),
    ROW(files, "csv", 0, FLAG, csv, .help = "print one CSV line a run instead of tables"),
    ROW(files, "json", 0, FLAG, json, .help = "print one JSON object instead of tables"),
    ROW(files, "force", 'f', FLAG, force, .help = "replace existing outputs"),
    ROW(files, "quiet", 'q', FLAG, quiet,
        .help = "print results only, no progress and no notes"),
    {.type = CREW_OPTION_END},
};

/* ---- Progress ---- */

static void introduce(struct compare *c, crew_trainer *t)
{
    struct crew_network_info net;
    struct crew_summary s;
    crew_network_info(crew_trainer_network(t), &net);
    crew_trainer_summary(t, &s);
    fprintf(stderr, "%s: %zu rows, %u features, %u classes; %s: %zu parameters; %u worker%s\n",
            c->data_cfg.data, c->info.rows, c->info.features, c->info.classes, net.model,
            net.n_params, s.n, s.n == 1 ? "" : "s");
    for (size_t i = 0; crew_trainer_note(t, i); i++)
        fprintf(stderr, "note: %s\n", crew_trainer_note(t, i));
}

static bool on_begin(void *user, const struct crew_comparison_step *step, crew_trainer *t)
{
    struct compare *c = user;
    struct crew_summary limits;
    (void)step;
    if (!c->told && !c->files.quiet)
        introduce(c, t);
    c->told = true;
    crew_trainer_summary(t, &limits);
    progress_begin(&c->progress, stderr, c->files.quiet, &limits, c->cfg.time_limit_s,
                   c->info.rows);
    signals_to(t);
    return !signals_caught();
}

static void on_round(void *user, const struct crew_record *r)
{
    progress_round(&((struct compare *)user)->progress, r);
}

static void on_end(void *user, const struct crew_comparison_step *step,
                   const struct crew_comparison_run *run)
{
    struct compare *c = user;
    signals_to(NULL);
    if (c->progress.terminal && c->progress.text[0])
        fputs("\r\033[K", stderr);
    if (run && !c->files.quiet)
        fprintf(stderr, "run %u of %u, repeat %u: %s: %.5g s\n", step->run, step->of_runs,
                step->repeat, step->policy, run->train_s);
}

/* ---- The command ---- */

/* -1: all is well. What the library would refuse, too, is refused here in the options' names.
 */
static int check_usage(const struct command *self, const struct compare *c)
{
    if (c->files.json && c->files.csv)
        return usage_error(self, "--json and --csv exclude each other");
    if (c->own.target_loss > 0 && c->own.target_accuracy > 0)
        return usage_error(self, "--target-loss and --target-accuracy exclude each other");
    return -1;
}

static crew_status prepare(struct compare *c, struct crew_error *err)
{
    crew_status status = CREW_OK;
    struct crew_data_config data = c->data_cfg;
    data.seed = c->cfg.seed;
    limit_to_memory(&data);
    if (c->files.save)
        status = crew_output_check(c->files.save, c->files.force, err);
    if (status == CREW_OK)
        status = crew_data_open(&data, &c->data, err);
    if (status == CREW_OK)
        crew_dataset_info(c->data.train, &c->info);
    return status;
}

static crew_status compare(struct compare *c, struct crew_comparison *out,
                           struct crew_error *err)
{
    const struct crew_comparison_config cfg = {
        .train = c->cfg,
        .data = &c->data,
        .policy = *c->own.policy ? c->own.policy : NULL,
        .against = c->own.against,
        .repeats = c->own.repeats,
        .warm_up_s = c->own.warm_up_s,
        .target_loss = c->own.target_loss > 0 ? c->own.target_loss : (double)NAN,
        .target_accuracy = c->own.target_accuracy > 0 ? c->own.target_accuracy : (double)NAN,
        .on_begin = on_begin,
        .on_end = on_end,
        .on_round = on_round,
        .user = c,
    };
    crew_status status = prepare(c, err);
    signals_watch();
    return status == CREW_OK ? crew_compare(&cfg, out, err) : status;
}

static size_t finished_runs(const struct crew_comparison *result)
{
    size_t n = 0;
    for (size_t p = 0; p < result->n_policies; p++)
        for (uint32_t r = 0; r < result->repeats; r++)
            n += result->policy[p].run[r].finished;
    return n;
}

static void print_notes(const struct compare *c, const struct crew_comparison *result)
{
    if (result->stopped && !result->error[0])
        fprintf(stderr, "crew compare: stopped; %zu of %zu runs were finished\n",
                finished_runs(result), result->n_policies * result->repeats);
    if (!c->files.quiet && c->unused.checkpoint)
        fprintf(stderr, "note: the runs of a comparison start afresh, without checkpoints\n");
    if (result->without_fixed && *c->own.policy && !c->files.quiet)
        fprintf(stderr, "note: without fixed: the times of the workers are not known (--times, "
                        "--profile)\n");
}

/* Weights that differ are a failure, told after all results. */
static int report(const struct command *self, struct compare *c,
                  const struct crew_comparison *result)
{
    struct crew_error err = {.status = CREW_OK};
    const struct crew_settings set[] = {{crew_data_options(), &c->data_cfg},
                                        {c->train_options, &c->cfg},
                                        {own_options, &c->own}};
    crew_status status = CREW_OK;
    print_notes(c, result);
    if (c->files.save)
        status = crew_comparison_save(result, set, 3, c->files.save, c->files.force, &err);
    if (c->files.json) {
        json_t *o = crew_comparison_json(result, set, 3, false);
        json_dumpf(o, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        fputc('\n', stdout);
        json_decref(o);
    } else if (c->files.csv) {
        print_comparison_csv(stdout, result);
    } else if (finished_runs(result)) {
        print_comparison(stdout, result);
    }
    if (result->same == CREW_SAME_NO) {
        fprintf(stderr, "crew compare: ");
        print_weights(stderr, result);
    }
    int none = result->stopped && !finished_runs(result) ? signals_caught() : 0;
    int code = status != CREW_OK ? fail(self, status, &err) : none ? 128 + none : 0;
    return result->same == CREW_SAME_NO ? 1 : code;
}

static void copy_options(struct compare *c)
{
    static const char *const single[] = {"checkpoint", "every",    "keep", "resume",
                                         "best",       "patience", NULL};
    size_t n = 0;
    for (const struct crew_option *o = crew_train_options();
         o->type != CREW_OPTION_END && n + 1 < MAX_OPTIONS; o++) {
        bool used = strcmp(o->name, "policy") != 0;
        for (const char *const *name = single; *name && used; name++)
            used = strcmp(o->name, *name) != 0;
        if (used)
            c->train_options[n++] = *o;
    }
    c->train_options[n] = (struct crew_option){.type = CREW_OPTION_END};
    pick_options(crew_train_options(), single, c->unused_options);
}

int run_compare(const struct command *self, int argc, char **argv)
{
    struct compare c = {.told = false};
    struct crew_comparison result = {.n_policies = 0};
    struct crew_error err = {.status = CREW_OK};
    int first;
    crew_data_config_init(&c.data_cfg);
    crew_config_init(&c.cfg);
    copy_options(&c);
    const struct parser p = {.command = self,
                             .group = {{crew_data_options(), &c.data_cfg},
                                       {c.train_options, &c.cfg},
                                       {own_options, &c.own},
                                       {file_options, &c.files}},
                             .title = {"data", "training", "comparison", "input and output"},
                             .n_groups = 4,
                             .unused = {c.unused_options, &c.unused},
                             .texts = &c.texts};
    int code = parse_options(&p, argc, argv, &first);
    if (code < 0)
        code = check_usage(self, &c);
    if (code < 0) {
        crew_status status = compare(&c, &result, &err);
        if (status == CREW_OK || finished_runs(&result))
            code = report(self, &c, &result);
        if (status != CREW_OK)
            code = fail(self, status, &err);
        code = finish(self, code);
    }
    crew_comparison_free(&result);
    crew_data_close(&c.data);
    crew_runlog_config_free(c.texts);
    return code;
}
