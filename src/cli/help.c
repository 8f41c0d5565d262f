#include "cli/cli.h"
#include <string.h>

enum { COLUMN = 30, LINE = 80 };

/* Words of text, from column `indent` on, where the line stands already; an empty line in it
 * stays one. */
static void print_wrapped(FILE *to, const char *text, int indent)
{
    int at = indent;
    for (const char *s = text; *s;) {
        int word = (int)strcspn(s, " \n"), blanks = (int)strspn(s + word, " \n");
        if (at > indent && at + 1 + word > LINE) {
            fprintf(to, "\n%*s", indent, "");
            at = indent;
        }
        at += fprintf(to, "%s%.*s", at > indent ? " " : "", word, s);
        s += word + blanks;
        if (*s && blanks == 2) {
            fprintf(to, "\n\n%*s", indent, "");
            at = indent;
        }
    }
    fputc('\n', to);
}

void describe(const struct crew_option *o, char *out, size_t cap)
{
    char range[64] = "", value[64] = "";
    bool number = o->type != CREW_OPTION_FLAG && o->type != CREW_OPTION_STRING;
    if (number && (o->min != 0 || o->max != 0))
        snprintf(range, sizeof range, o->max < 0x1p53 ? " (%.15g..%.15g)" : " (at least %.15g)",
                 o->min, o->max);
    if (o->value && *o->value && o->type != CREW_OPTION_FLAG)
        snprintf(value, sizeof value, " [%s]", o->value);
    snprintf(out, cap, "%s%s%s", o->help, range, value);
}

void print_entry(FILE *to, const char *head, int column, const char *text)
{
    int at = fprintf(to, "%s", head);
    if (at >= column) {
        fputc('\n', to);
        at = 0;
    }
    fprintf(to, "%*s", column - at, "");
    print_wrapped(to, text, column);
}

void print_option(FILE *to, const struct crew_option *o)
{
    char head[64], text[400];
    snprintf(head, sizeof head, "  %c%c%c --%s%s%s", o->letter ? '-' : ' ',
             o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name,
             o->argument ? " " : "", o->argument ? o->argument : "");
    describe(o, text, sizeof text);
    print_entry(to, head, COLUMN, text);
}

void print_help(FILE *to, const struct parser *p)
{
    const struct command *c = p->command;
    fprintf(to, "%s: %s\n\nusage: crew %s [OPTIONS]%s%s\n\n", c->name, c->summary, c->name,
            c->arguments ? " " : "", c->arguments ? c->arguments : "");
    for (size_t g = 0; g < p->n_groups; g++) {
        if (p->title[g])
            fprintf(to, "%s%s\n", g ? "\n" : "", p->title[g]);
        for (const struct crew_option *o = p->group[g].table; o->type != CREW_OPTION_END; o++)
            print_option(to, o);
    }
    print_entry(to, "  -h, --help", COLUMN, "this text");
    if (c->about) {
        fputc('\n', to);
        print_wrapped(to, c->about, 0);
    }
}
