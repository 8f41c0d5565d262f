#include "cli/cli.h"
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

int usage_error(const struct command *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "crew %s: ", c->name);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, " (see crew help %s)\n", c->name);
    va_end(args);
    return 2;
}

int fail(const struct command *c, crew_status status, const struct crew_error *err)
{
    fprintf(stderr, "crew %s: ", c->name);
    for (const char *s = err->text[0] ? err->text : crew_status_text(status); *s; s++) {
        bool control = ((unsigned char)*s < ' ' && *s != '\n') || *s == 0x7f;
        fputc(control ? '?' : *s, stderr); /* it may quote any file */
    }
    fputc('\n', stderr);
    switch (status) {
    case CREW_EINVAL:
        return 2;
    case CREW_EINPUT:
    case CREW_EFORMAT:
        return 3;
    case CREW_EBIND:
        return 4;
    case CREW_EBLAS:
        return 5;
    case CREW_ENONFINITE:
        return 6;
    case CREW_ENOMEM:
        return 7;
    default:
        return 1;
    }
}

void limit_to_memory(struct crew_data_config *data)
{
    uint64_t most = crew_machine_free_bytes() / 2; /* the bytes, and beside them the numbers */
    if (data->max_bytes > most)
        data->max_bytes = most;
}

int finish(const struct command *c, int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "crew %s: standard output cannot be written\n", c->name);
    return code ? code : 1;
}

/* All options of all groups, in the order of getopt_long()'s table. */
struct flat {
    const struct crew_option *option[MAX_OPTIONS];
    void *base[MAX_OPTIONS];
    struct option longs[MAX_OPTIONS + 2];
    char shorts[3 * MAX_OPTIONS];
    size_t n;
};

enum { HELP = 1000 };

static void flatten(const struct parser *p, struct flat *f)
{
    size_t s = 0;
    memset(f, 0, sizeof *f);
    f->shorts[s++] = ':';
    f->shorts[s++] = 'h';
    for (size_t g = 0; g < p->n_groups; g++)
        for (const struct crew_option *o = p->group[g].table;
             o->type != CREW_OPTION_END && f->n < MAX_OPTIONS; o++) {
            bool flag = o->type == CREW_OPTION_FLAG;
            f->option[f->n] = o;
            f->base[f->n] = p->group[g].base;
            f->longs[f->n] =
                (struct option){o->name, flag ? no_argument : required_argument, NULL, 0};
            if (o->letter) {
                f->shorts[s++] = o->letter;
                if (!flag)
                    f->shorts[s++] = ':';
            }
            f->n++;
        }
    f->longs[f->n] = (struct option){"help", optional_argument, NULL, HELP};
}

/* getopt_long() permutes arguments, so optind says little: a long option it stumbles over is
 * the one before optind, a letter is in optopt. */
static int bad_option(const struct parser *p, const struct flat *f, const char *typed)
{
    const char *names[MAX_OPTIONS + 1], *equals = strchr(typed, '=');
    char name[64];
    if (optopt && optopt != HELP)
        return usage_error(p->command, "unknown option '-%c'", optopt);
    size_t n = equals ? (size_t)(equals - typed) : strlen(typed);
    snprintf(name, sizeof name, "%.*s", (int)(n > 2 ? n - 2 : 0), n > 2 ? typed + 2 : "");
    names[0] = "help";
    for (size_t i = 0; i < f->n; i++) {
        names[i + 1] = f->option[i]->name;
        if (equals && !strcmp(name, f->option[i]->name))
            return usage_error(p->command, "option '--%s' takes no value", name);
    }
    const char *near = crew_option_nearest(name, names, f->n + 1);
    if (near)
        return usage_error(p->command, "unknown option '--%s'; did you mean '--%s'?", name,
                           near);
    return usage_error(p->command, "unknown option '--%s'", name);
}

static int missing_value(const struct parser *p, const char *typed)
{
    if (optopt)
        return usage_error(p->command, "option '-%c' needs a value", optopt);
    return usage_error(p->command, "option '%s' needs a value", typed);
}

static size_t by_letter(const struct flat *f, int c)
{
    size_t i = 0;
    while (i + 1 < f->n && f->option[i]->letter != c)
        i++;
    return i;
}

/* --help, and --help=FORMAT by which `crew help` asks every command for its part of the manual
 * page and of the completion script: the tables stay where they are. */
static int show_help(const struct parser *p, const char *format)
{
    if (!format)
        print_help(stdout, p);
    else if (!strcmp(format, "man"))
        print_manual(stdout, p);
    else if (!strcmp(format, "bash"))
        print_completion(stdout, p);
    else
        return usage_error(p->command, "unknown form of help '%s', must be man or bash",
                           format);
    return finish(p->command, 0);
}

/* "help" as the value of an option that takes a name: those have a list or a default, file
 * names have neither. */
static bool explain(const struct crew_option *o)
{
    if (o->type != CREW_OPTION_STRING)
        return false;
    if (print_choices(stdout, o->name))
        return true;
    if (o->value)
        print_option(stdout, o);
    return o->value;
}

static int parse_line(const struct parser *p, struct flat *f, int argc, char **argv, int *first)
{
    optind = 0; /* glibc: start afresh */
    for (;;) {
        int index = -1;
        int c = getopt_long(argc, argv, f->shorts, f->longs, &index);
        if (c == -1)
            break;
        if (c == HELP || (c == 'h' && index < 0))
            return show_help(p, c == HELP ? optarg : NULL);
        if (c == ':')
            return missing_value(p, argv[optind - 1]);
        if (c == '?')
            return bad_option(p, f, argv[optind - 1]);
        size_t i = index >= 0 ? (size_t)index : by_letter(f, c);
        if (optarg && !strcmp(optarg, "help") && explain(f->option[i]))
            return finish(p->command, 0);
        struct crew_error why;
        if (crew_option_set(f->option[i], optarg, f->base[i], &why) != CREW_OK)
            return usage_error(p->command, "--%s", why.text);
    }
    *first = optind;
    if (argc - optind < p->least)
        return usage_error(p->command, "%s is missing", p->command->arguments);
    if (argc - optind > p->most)
        return usage_error(p->command, "'%s' is one argument too many", argv[optind + p->most]);
    return -1;
}

static const char *config_path(const struct flat *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->option[i]->name, "config"))
            return *(const char *const *)(const void *)((const char *)f->base[i] +
                                                        f->option[i]->offset);
    return NULL;
}

static void set_defaults(const struct parser *p)
{
    for (size_t g = 0; g < p->n_groups; g++)
        crew_option_defaults(p->group[g].table, p->group[g].base);
}

int parse_options(const struct parser *p, int argc, char **argv, int *first)
{
    struct flat f;
    flatten(p, &f);
    set_defaults(p);
    int code = parse_line(p, &f, argc, argv, first);
    const char *path = code < 0 ? config_path(&f) : NULL;
    if (!path)
        return code;
    struct crew_error err;
    struct crew_settings set[MAX_GROUPS + 1];
    memcpy(set, p->group, sizeof p->group);
    set[p->n_groups] = p->unused;
    set_defaults(p);
    crew_status status =
        crew_runlog_config(path, set, p->n_groups + (p->unused.table ? 1 : 0), p->texts, &err);
    if (status != CREW_OK)
        return fail(p->command, status, &err);
    return parse_line(p, &f, argc, argv, first);
}

void pick_options(const struct crew_option *from, const char *const *names,
                  struct crew_option *out)
{
    for (; *names; names++) {
        const struct crew_option *o = crew_option_find(from, *names, strlen(*names));
        if (o)
            *out++ = *o;
    }
    *out = (struct crew_option){.type = CREW_OPTION_END};
}
