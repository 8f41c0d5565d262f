#include "cli/cli.h"
#include "study/simulate.h"
#include <string.h>

enum { INDENT = 4, SETTING = 30 }; /* columns */

/* Each of the library's lists by its number, in one form; false past the end. */
typedef bool entry_at(size_t i, struct crew_entry *out);

static bool policy_at(size_t i, struct crew_entry *out)
{
    const struct crew_policy_ops *p = crew_policy_at(i);
    if (p)
        *out = (struct crew_entry){p->name, p->summary, p->settings};
    return p != NULL;
}

static bool model_at(size_t i, struct crew_entry *out)
{
    const struct crew_model_ops *m = crew_model_at(i);
    if (m)
        *out = (struct crew_entry){m->name, m->summary, NULL};
    return m != NULL;
}

static bool copy(const struct crew_entry *e, struct crew_entry *out)
{
    if (e)
        *out = *e;
    return e != NULL;
}

static bool optimizer_at(size_t i, struct crew_entry *out)
{
    return copy(crew_optimizer_at(i), out);
}

static bool schedule_at(size_t i, struct crew_entry *out)
{
    return copy(crew_schedule_at(i), out);
}

static bool scenario_at(size_t i, struct crew_entry *out)
{
    return copy(crew_scenario_at(i), out);
}

static bool dataset_at(size_t i, struct crew_entry *out)
{
    const struct crew_dataset_entry *d = crew_dataset_at(i);
    if (d)
        *out = (struct crew_entry){d->name, d->summary, NULL};
    return d != NULL;
}

/* Size and place of a data set, under its summary. */
static void print_dataset(FILE *to, size_t i)
{
    const struct crew_dataset_entry *d = crew_dataset_at(i);
    char test[32] = "", shape[48], path[4096];
    if (d->test_rows)
        snprintf(test, sizeof test, " and %u test", d->test_rows);
    if (d->height > 1)
        snprintf(shape, sizeof shape, "%u x %u x %u", d->height, d->width, d->depth);
    else
        snprintf(shape, sizeof shape, "%u features", d->width);
    fprintf(to, "%*s%u%s rows, %s, %u classes; ", INDENT, "", d->rows, test, shape, d->classes);
    if (crew_dataset_path(d, path, sizeof path))
        fprintf(to, "%s\n", path);
    else if (d->bundled)
        fprintf(to, "not found, should come with crew\n");
    else
        fprintf(to, "not here: datasets/fetch.sh %s\n", d->name);
}

static const struct topic {
    const char *name, *option; /* `crew list NAME` = --OPTION help */
    const char *usage;
    entry_at *at;
    void (*print_more)(FILE *to, size_t i); /* of entry i, or NULL */
} topics[] = {
    {"policies", "policy", "--policy NAME[:SETTING=VALUE,...]", policy_at, NULL},
    {"models", "model", "--model NAME[:SETTINGS]", model_at, NULL},
    {"optimizers", "optimizer", "--optimizer NAME[:SETTING=VALUE,...]", optimizer_at, NULL},
    {"schedules", "schedule", "--schedule NAME[:SETTING=VALUE,...]", schedule_at, NULL},
    {"datasets", "data", "--data NAME, FILE, FOLDER or synth:ROWSxSHAPExCLASSES", dataset_at,
     print_dataset},
    {"scenarios", "scenario", "--scenario NAME", scenario_at, NULL},
};
enum { TOPICS = sizeof topics / sizeof *topics };

static void print_settings(FILE *to, const struct crew_option *settings)
{
    char head[64], text[400];
    for (const struct crew_option *o = settings; o && o->type != CREW_OPTION_END; o++) {
        const char *value = o->argument                   ? o->argument
                            : o->type == CREW_OPTION_FLAG ? "yes|no"
                                                          : "NUMBER";
        snprintf(head, sizeof head, "%*s%s=%s", INDENT, "", o->name, value);
        describe(o, text, sizeof text);
        print_entry(to, head, SETTING, text);
    }
}

static void print_topic(FILE *to, const struct topic *t)
{
    struct crew_entry e;
    int width = 0;
    for (size_t i = 0; t->at(i, &e); i++)
        width = (int)strlen(e.name) > width ? (int)strlen(e.name) : width;
    fprintf(to, "%s\n\n", t->usage);
    for (size_t i = 0; t->at(i, &e); i++) {
        print_entry(to, e.name, width + 2, e.summary);
        print_settings(to, e.settings);
        if (t->print_more)
            t->print_more(to, i);
    }
}

static const struct topic *topic_of(const char *option)
{
    size_t i = 0;
    while (i < TOPICS && strcmp(topics[i].option, option))
        i++;
    return i < TOPICS ? &topics[i] : NULL;
}

bool print_choices(FILE *to, const char *option)
{
    const struct topic *t = topic_of(option);
    const struct help_topic *h = find_help_topic(option);
    if (t)
        print_topic(to, t);
    else if (h)
        h->print(to);
    return t || h;
}

const char *option_with_choices(size_t i)
{
    return i < TOPICS ? topics[i].option : NULL;
}

const char *choice_at(const char *option, size_t i)
{
    const struct topic *t = topic_of(option);
    struct crew_entry e;
    return t && t->at(i, &e) ? e.name : NULL;
}

static int unknown_topic(const struct command *self, const char *typed)
{
    const char *names[TOPICS];
    for (size_t i = 0; i < TOPICS; i++)
        names[i] = topics[i].name;
    const char *near = crew_option_nearest(typed, names, TOPICS);
    return usage_error(self, "there is no list of '%s'%s%s%s", typed,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

int run_list(const struct command *self, int argc, char **argv)
{
    const struct parser p = {.command = self, .most = 1};
    int first, code = parse_options(&p, argc, argv, &first);
    if (code >= 0)
        return code;
    if (first == argc) {
        for (size_t i = 0; i < TOPICS; i++)
            printf("crew list %-11s %s\n", topics[i].name, topics[i].usage);
        return finish(self, 0);
    }
    for (size_t i = 0; i < TOPICS; i++)
        if (!strcmp(topics[i].name, argv[first])) {
            print_topic(stdout, &topics[i]);
            return finish(self, 0);
        }
    return unknown_topic(self, argv[first]);
}
