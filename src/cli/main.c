#include "cli/cli.h"
#include "cli/generate.h"
#include "cli/signals.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

const struct command commands[] = {
    {"train", "train a model on the cores of this machine", NULL, run_train,
     "DATA is the name of a bundled or fetched set (crew list datasets), a file (IDX, CSV, "
     "NPY, CIFAR or libsvm text,\n"
     "also .gz), a folder of such files, or synth:ROWSxSHAPExCLASSES.\n"
     "\n"
     "An epoch is one random order of all rows, cut into tasks of --task-rows rows; a round "
     "takes the next\n"
     "--batch-tasks of them, the last round of an epoch what is left. The optimizer steps once "
     "a round, with the\n"
     "mean gradient of its rows. Interrupt ends the round in flight, saves and exits with 0; a "
     "second one leaves\n"
     "at once.\n"},
    {"eval", "measure a trained model on labelled data", "FILE.safetensors", run_eval,
     "DATA is what `crew train` takes. Of a set with test rows of its own those are measured, "
     "of any other one all\n"
     "rows, whether the model was trained on them or not.\n"},
    {"predict", "ask a trained model about new rows", "FILE.safetensors", run_predict,
     "Prints the most likely class of every row, one a line. DATA is what `crew train` takes, "
     "or - for standard\n"
     "input; labels in it are ignored.\n"},
    {"list", "what there is to choose from",
     "policies|models|optimizers|schedules|datasets|scenarios", run_list, NULL},
    {"cores", "the cores that workers may run on", NULL, run_cores, NULL},
    {"bench", "what each core of this machine is worth", NULL, run_bench,
     "Matrix products, the gradient task of --model and --data, and memory bandwidth are "
     "measured on each core\n"
     "alone and on all at once. The means of the task give the relative speeds, alone and all "
     "at once; those of\n"
     "all at once also give the split that training would settle on, and the length of a round "
     "under some\n"
     "policies.\n"
     "\n"
     "Every sample follows the one before it without a gap, so that the mean is right on a "
     "core "
     "that is shared\n"
     "with others, where the median shows the core as if it were free. Interrupt ends it "
     "without results; a\n"
     "second one leaves at once.\n"},
    {"plan", "split tasks so that the busiest worker is done first", NULL, run_plan,
     "The split is exact: no other one has a shorter round if every task takes its worker's "
     "seconds.\n"},
    {"sim", "policies in virtual time, on machines that are not at hand", NULL, run_sim,
     "Every policy plans the rounds and learns from the times, as in training, but no gradient "
     "is "
     "computed: task\n"
     "times are drawn from given laws, the same ones for all policies. The scenarios are those "
     "of the ATA paper,\n"
     "and machines whose speeds change; what --speeds takes is explained by `crew help "
     "speeds`. Policies know the\n"
     "true mean times of the first round: fixed splits by them, and alpha of ata is twice the "
     "largest one unless it\n"
     "is given. The policy oracle, which only simulation has, knows those of every round: with "
     "it among --policy\n"
     "the table compares with its rounds, not with greedy's.\n"
     "\n"
     "Interrupt ends the simulations and shows the policies that are finished; a second one "
     "leaves at once.\n"},
    {"compare", "train with several policies, side by side", NULL, run_compare,
     "Every policy trains the same model from the same weights on the same rows, so that those "
     "which drop no\n"
     "results end with the same weights, bit for bit; a comparison in which they do not fails. "
     "Repeats are\n"
     "interleaved and each is compared within itself, which keeps slow changes of the machine "
     "out of the ratios.\n"
     "Seconds are those of the rounds: validation is left out. Ratios are of repeats in which "
     "both runs reached\n"
     "the target or, without one, were not cut off by the time limit; noise: not told from 1 "
     "at "
     "95 %.\n"
     "\n"
     "Interrupt ends the run in flight and shows the runs that are finished; a second one "
     "leaves at once.\n"},
    {"report", "one page about runs, from their logs", "FILE...", run_report,
     "FILE is a log of `crew train --log`, task times of --log-tasks, a --timeline, or the "
     "JSON "
     "of `crew compare`\n"
     "or `crew bench`, in any order. FILE.tasks.csv beside FILE.jsonl is read with it. The "
     "page "
     "holds all it shows\n"
     "and needs no network. Plots are drawn by gnuplot (Debian package gnuplot-nox). What is "
     "not usable is\n"
     "skipped, told, and listed in the page.\n"},
    {"help", "explain a command or a topic", "[COMMAND]", run_help, NULL},
    {0},
};

static const struct command *find(const char *name)
{
    const struct command *c = commands;
    while (c->name && strcmp(c->name, name))
        c++;
    return c->name ? c : NULL;
}

static void print_commands(FILE *to)
{
    fprintf(to, "crew trains models on one machine whose cores differ in speed.\n\n"
                "usage: crew COMMAND [OPTIONS]\n\n");
    for (const struct command *c = commands; c->name; c++)
        fprintf(to, "  %-9s %s\n", c->name, c->summary);
    fprintf(to, "\nTopics of crew help\n\n");
    for (const struct help_topic *t = help_topics; t->name; t++)
        fprintf(to, "  %-9s %s\n", t->name, t->summary);
    fprintf(to, "\nTry: crew train --data digits\nMore: crew help COMMAND\n");
}

static int print_version(void)
{
    static const struct command self = {.name = "--version"};
    struct crew_build_info b;
    crew_build_info(&b);
    printf("crew %s\ncompiler  %s\nhwloc     %s\nBLAS      %s\n          flavour %s, kernel "
           "%s%s%s\n",
           b.version, b.compiler, b.hwloc, b.blas, b.blas_flavour, b.blas_core,
           b.blas_forced ? ", forced by " : "", b.blas_forced ? b.blas_forced : "");
    return finish(&self, 0);
}

static int unknown_command(const char *typed, const struct help_topic *topics)
{
    const char *names[32];
    size_t n = 0;
    for (; commands[n].name && n < 16; n++)
        names[n] = commands[n].name;
    for (; topics && topics->name && n < 32; topics++)
        names[n++] = topics->name;
    const char *near = crew_option_nearest(typed, names, n);
    fprintf(stderr, "crew: unknown command '%s'%s%s%s (see crew help)\n", typed,
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return 2;
}

struct help {
    bool manual;
    const char *completion;
};

static const struct crew_option help_options[] = {
    {.name = "man",
     .type = CREW_OPTION_FLAG,
     .offset = offsetof(struct help, manual),
     .help = "print the manual page, roff"},
    {.name = "completion",
     .type = CREW_OPTION_STRING,
     .offset = offsetof(struct help, completion),
     .argument = "SHELL",
     .help = "print a completion script: bash"},
    {.type = CREW_OPTION_END},
};

int run_help(const struct command *self, int argc, char **argv)
{
    char option[] = "--help";
    struct help h;
    int first;
    const struct parser p = {
        .command = self, .group = {{help_options, &h}}, .n_groups = 1, .most = 1};
    int code = parse_options(&p, argc, argv, &first);
    if (code >= 0)
        return code;
    if (h.completion && strcmp(h.completion, "bash"))
        return usage_error(self, "there is no completion for '%s', only for bash",
                           h.completion);
    const struct command *about = first < argc ? find(argv[first]) : NULL;
    const struct help_topic *topic = first < argc ? find_help_topic(argv[first]) : NULL;
    if (topic) {
        topic->print(stdout);
        return finish(self, 0);
    }
    if (first < argc && !about)
        return unknown_command(argv[first], help_topics);
    if (about) {
        char *args[] = {argv[first], option, NULL};
        return about->run(about, 2, args);
    }
    if (h.manual)
        print_manual_page(stdout);
    else if (h.completion)
        print_completion_script(stdout);
    else
        print_commands(stdout);
    return finish(self, 0);
}

/* A file that is opened where 0, 1 or 2 is closed would become what it is not: a log would be
 * standard output. Opened the wrong way round, so that using them fails as before. */
static void reserve_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd ? O_RDONLY : O_WRONLY);
}

int main(int argc, char **argv)
{
    reserve_standard_files();
    signal(SIGPIPE, SIG_DFL); /* whatever was inherited: a closed pipe ends silently */
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow (ulimit -f) is a write that fails */
    signals_watch_files();
    if (argc < 2) {
        print_commands(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
        return print_version();
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return run_help(find("help"), 1, argv);
    const struct command *c = find(argv[1]);
    return c ? c->run(c, argc - 1, argv + 1) : unknown_command(argv[1], NULL);
}
