/* The manual page and the completion script, from the tables that also drive parsing. Each
 * command prints its own part when it is run with --help=man or --help=bash. */
#include "cli/generate.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void ask_commands(const char *format)
{
    char option[16];
    snprintf(option, sizeof option, "--help=%s", format);
    for (const struct command *c = commands; c->name; c++) {
        char name[16];
        snprintf(name, sizeof name, "%s", c->name);
        char *argv[] = {name, option, NULL};
        c->run(c, 2, argv);
    }
}

/* ---- roff, the language of manual pages ---- */

/* Text in which nothing is a command: no backslash, no hyphen that becomes a dash, no dot that
 * begins a line. */
static void roff(FILE *to, const char *s)
{
    for (bool begins = true; *s; begins = *s++ == '\n') {
        if (begins && (*s == '.' || *s == '\''))
            fputs("\\&", to);
        if (*s == '\n' && s[1] == '\n') {
            fputs("\n.PP", to);
            continue;
        }
        if (*s == '\\')
            fputs("\\e", to);
        else if (*s == '-')
            fputs("\\-", to);
        else
            fputc(*s, to);
    }
}

static void option_as_roff(FILE *to, const struct crew_option *o)
{
    char text[400];
    fputs(".TP\n\\fB", to);
    if (o->letter)
        fprintf(to, "\\-%c\\fR, \\fB", o->letter);
    fputs("\\-\\-", to);
    roff(to, o->name);
    fputs("\\fR", to);
    if (o->argument) {
        fputs(" \\fI", to);
        roff(to, o->argument);
        fputs("\\fR", to);
    }
    describe(o, text, sizeof text);
    fputc('\n', to);
    roff(to, text);
    fputc('\n', to);
}

void print_manual(FILE *to, const struct parser *p)
{
    const struct command *c = p->command;
    fprintf(to, ".SS crew %s [OPTIONS]%s%s\n", c->name, c->arguments ? " " : "",
            c->arguments ? c->arguments : "");
    roff(to, c->summary);
    fputs(".\n", to);
    if (c->about) {
        fputs(".PP\n", to);
        roff(to, c->about);
    }
    for (size_t g = 0; g < p->n_groups; g++)
        for (const struct crew_option *o = p->group[g].table; o->type != CREW_OPTION_END; o++)
            option_as_roff(to, o);
}

/* As it stands in `crew help`: its lines are laid out. */
static void topic_as_roff(FILE *to, const struct help_topic *t)
{
    char *text = NULL;
    size_t bytes;
    FILE *memory = open_memstream(&text, &bytes);
    if (!memory)
        return;
    t->print(memory);
    fclose(memory);
    fputs(".SH ", to);
    for (const char *s = t->name; *s; s++)
        fputc(toupper((unsigned char)*s), to);
    fputs("\n.nf\n", to);
    roff(to, text);
    fputs(".fi\n", to);
    free(text);
}

void print_manual_page(FILE *to)
{
    fprintf(to,
            ".TH CREW 1 \"\" \"crew %s\" \"User Commands\"\n"
            ".SH NAME\n"
            "crew \\- train models on one machine whose cores differ in speed\n"
            ".SH SYNOPSIS\n"
            ".B crew\n"
            ".I COMMAND\n"
            "[OPTIONS]\n"
            ".SH COMMANDS\n"
            "Every command has \\fB\\-\\-help\\fR. An option that takes a name takes "
            "\\fBhelp\\fR, too.\n",
            crew_version());
    ask_commands("man");
    for (const struct help_topic *t = help_topics; t->name; t++)
        topic_as_roff(stdout, t);
    fputs(".SH EXIT STATUS\n"
          "0 done, also after a stop on request; 1 failed, an output cannot be written; 2 "
          "usage; 3 bad input\n"
          "file; 4 a worker cannot be bound under \\-\\-bind strict; 5 BLAS self\\-test "
          "failed; 6 a loss is not\n"
          "finite; 7 not enough memory; 128 + N ended by signal N.\n"
          ".SH ENVIRONMENT\n"
          ".TP\n.B CREW_DATASETS\n"
          "Folder of the data sets that go by a name.\n"
          ".TP\n.BR HWLOC_SYNTHETIC \", \" HWLOC_XMLFILE \", \" HWLOC_FSROOT\n"
          "Describe another machine; workers are not bound then.\n"
          ".TP\n.B OPENBLAS_CORETYPE\n"
          "Forces a BLAS kernel; crew says so.\n",
          to);
}

/* ---- Completion ---- */

static void print_names(FILE *to, const struct parser *p, bool only_with_value)
{
    for (size_t g = 0; g < p->n_groups; g++)
        for (const struct crew_option *o = p->group[g].table; o->type != CREW_OPTION_END; o++)
            if (!only_with_value || o->type != CREW_OPTION_FLAG)
                fprintf(to, " --%s", o->name);
}

/* One case: the command's words, and those of them that a value follows. */
void print_completion(FILE *to, const struct parser *p)
{
    const char *arguments = p->command->arguments;
    fprintf(to, "    %s)\n        words=\"", p->command->name);
    if (arguments && strchr(arguments, '|')) /* "policies|models": words as they are typed */
        for (; *arguments; arguments++)
            fputc(*arguments == '|' ? ' ' : *arguments, to);
    print_names(to, p, false);
    fputs(" --help\"\n        values=\"", to);
    print_names(to, p, true);
    fputs(" \"\n        ;;\n", to);
}

/* What may follow an option that takes a listed name. */
static void print_values(FILE *to)
{
    const char *option, *name;
    for (size_t i = 0; (option = option_with_choices(i)); i++) {
        fprintf(to, "    --%s) words=\"", option);
        for (size_t k = 0; (name = choice_at(option, k)); k++)
            fprintf(to, "%s%s", k ? " " : "", name);
        fputs("\" ;;\n", to);
    }
}

void print_completion_script(FILE *to)
{
    fputs("# bash completion of crew\n"
          "_crew() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words= "
          "values= commands=\"",
          to);
    for (const struct command *c = commands; c->name; c++)
        fprintf(to, "%s%s", c == commands ? "" : " ", c->name);
    fputs("\"\n"
          "    case ${COMP_WORDS[1]} in\n",
          to);
    ask_commands("bash");
    fputs("    esac\n"
          "    case $values in *\" $prev \"*) words= ;; esac\n"
          "    case $prev in\n"
          "    help) words=\"$commands $words",
          to);
    for (const struct help_topic *t = help_topics; t->name; t++)
        fprintf(to, " %s", t->name);
    fputs("\" ;;\n", to);
    print_values(to);
    fputs("    esac\n"
          "    [ \"$COMP_CWORD\" -eq 1 ] && words=\"$commands --help --version\"\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "}\n"
          "complete -o default -F _crew crew\n",
          to);
}
