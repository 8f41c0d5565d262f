/* The command's own parts. It is the library's first user: it includes include/crew and
 * src/study only. */
#ifndef CREW_CLI_CLI_H
#define CREW_CLI_CLI_H

#include "study/runlog.h"
#include <crew/crew.h>
#include <stdio.h>

struct command {
    const char *name;
    const char *summary;   /* one line without a full stop */
    const char *arguments; /* what follows the options: "FILE.safetensors", or NULL */
    int (*run)(const struct command *self, int argc,
               char **argv); /* exit code; argv[0] is the command's name */
    const char *about;       /* more for `crew help NAME`, or NULL */
};

/* The table of commands, closed by a NULL name. */
extern const struct command commands[];

/* What `crew help` explains beside the commands; the table is closed by a NULL name. */
struct help_topic {
    const char *name;
    const char *summary; /* one line without a full stop */
    void (*print)(FILE *to);
};
extern const struct help_topic help_topics[];
const struct help_topic *find_help_topic(const char *name); /* or NULL */

enum { MAX_GROUPS = 4, MAX_OPTIONS = 96 };

/* What a command accepts. */
struct parser {
    const struct command *command;
    struct crew_settings group[MAX_GROUPS];
    const char *title[MAX_GROUPS]; /* of each group in help; NULL: under the one before it */
    size_t n_groups;
    struct crew_settings unused; /* may stand in a configuration, but is no option; or empty */
    int least, most;             /* number of arguments that are not options */
    void **texts;                /* with an option "config": owns the strings it sets;
                                    crew_runlog_config_free() */
};

/* Defaults, then the configuration of --config (option "config" of any group, when it has one),
 * then the command line. Returns -1 to go on, with the arguments from argv[*first], or an exit
 * code (after --help, or a usage error that has been printed). */
int parse_options(const struct parser *p, int argc, char **argv, int *first);

/* Copies the options called names[] (closed by NULL) from a table: a command that needs only
 * some of them. out has room for all of them and the closing entry. */
void pick_options(const struct crew_option *from, const char *const *names,
                  struct crew_option *out);

/* Print "crew NAME: sentence" and return the exit code that belongs to the status. */
int fail(const struct command *c, crew_status status, const struct crew_error *err);
int usage_error(const struct command *c, const char *fmt, ...) CREW_PRINTF(2, 3);
/* Rows may take no more than is free. */
void limit_to_memory(struct crew_data_config *data);
/* The exit code once stdout is written: 1 and a sentence when it could not be. */
int finish(const struct command *c, int code);

/* Help of a command, from its tables, and of one option. */
void print_help(FILE *to, const struct parser *p);
void print_option(FILE *to, const struct crew_option *o);
/* An option's help, range and default in one line. */
void describe(const struct crew_option *o, char *out, size_t cap);
/* A name, and beside it from that column on what it is, broken into lines. */
void print_entry(FILE *to, const char *head, int column, const char *text);
/* The same as a part of the manual page, and as a case of the completion script. */
void print_manual(FILE *to, const struct parser *p);
void print_completion(FILE *to, const struct parser *p);

/* What may follow an option, as `crew list` shows it; false when the option does not take a
 * listed name. */
bool print_choices(FILE *to, const char *option);
/* The options that do, and the names: NULL past the end. */
const char *option_with_choices(size_t i);
const char *choice_at(const char *option, size_t i);

/* A class name or other foreign text in a column of that many characters (UTF-8): cut, padded,
 * and without control characters. right: aligned to the right. */
void print_cell(FILE *to, const char *text, int width, bool right);

int run_train(const struct command *self, int argc, char **argv);
int run_eval(const struct command *self, int argc, char **argv);
int run_predict(const struct command *self, int argc, char **argv);
int run_list(const struct command *self, int argc, char **argv);
int run_cores(const struct command *self, int argc, char **argv);
int run_bench(const struct command *self, int argc, char **argv);
int run_plan(const struct command *self, int argc, char **argv);
int run_sim(const struct command *self, int argc, char **argv);
int run_compare(const struct command *self, int argc, char **argv);
int run_report(const struct command *self, int argc, char **argv);
int run_help(const struct command *self, int argc, char **argv);

#endif
