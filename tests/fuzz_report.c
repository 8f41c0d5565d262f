/* Logs of runs, task times, timelines, JSON of compare and bench: whatever stands in them, the
 * page has no markup but its own, and the scripts for gnuplot have no command but ours. */
#include "fuzz.h"
#include "study/page.h"
#include "study/plot.h"
#include <stdio.h>
#include <stdlib.h>

/* Does one of the page's elements begin at s, behind "<" or "</"? */
static bool known_element(const char *s)
{
    static const char *const names[] = {
        "!DOCTYPE",   "b",      "body", "caption", "code",  "details", "div",
        "figcaption", "figure", "h1",   "h2",      "head",  "html",    "i",
        "li",         "meta",   "p",    "section", "small", "style",   "summary",
        "svg",        "table",  "td",   "th",      "title", "tr",      "ul"};
    size_t n = strcspn(s, " >");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && !strncmp(s, names[i], n))
            return true;
    return false;
}

static void check_page(const struct crew_logs *all)
{
    struct crew_page_plots none = {.loss = {NULL}};
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    FUZZ_CHECK(to);
    crew_page_write(to, all, &none);
    FUZZ_CHECK(fclose(to) == 0 && strlen(text) == n);
    for (const char *s = text; (s = strchr(s, '<')); s++)
        if (!known_element(s + 1 + (s[1] == '/')))
            fuzz_fail("the page has %.40s", s);
    for (const char *s = text; *s; s++)
        FUZZ_CHECK(((unsigned char)*s >= ' ' && *s != 127) || *s == '\n' || *s == '\t');
    free(text);
}

/* A line of a script: data, or a command that it may have. */
static bool known_line(const char *s, size_t n)
{
    static const char *const commands[] = {"set ", "plot ", "unset ", "$", "END"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strncmp(s, commands[i], strlen(commands[i])))
            return !memchr(s, '`', n) && !memchr(s, ';', n);
    for (size_t i = 0; i < n; i++)
        if (!strchr("0123456789+-.e x", s[i]) && !strchr("abcdefABCDEFinfNa", s[i]))
            return false;
    return true;
}

static void check_script(bool (*write)(FILE *, const void *), const void *of)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    FUZZ_CHECK(to);
    bool used = write(to, of);
    FUZZ_CHECK(fclose(to) == 0);
    for (const char *s = text; used && *s; s += strcspn(s, "\n"), s += *s == '\n')
        if (!known_line(s, strcspn(s, "\n")))
            fuzz_fail("the script has %.60s", s);
    free(text);
}

static bool loss(FILE *to, const void *all)
{
    bool drawn = crew_plot_loss(to, all, false);
    return crew_plot_loss(to, all, true) || drawn;
}

static bool quota(FILE *to, const void *log)
{
    return crew_plot_quota(to, log);
}

static bool spread(FILE *to, const void *log)
{
    return crew_plot_times(to, log);
}

static bool last(FILE *to, const void *log)
{
    return crew_plot_last(to, log);
}

static bool latency(FILE *to, const void *document)
{
    return crew_plot_latency(to, document);
}

static void check_numbers(const struct crew_logs *all)
{
    FILE *to = fopen("/dev/null", "w");
    FUZZ_CHECK(to);
    crew_csv_loss(to, all);
    crew_csv_quota(to, all);
    crew_csv_times(to, all);
    crew_csv_last(to, all);
    crew_csv_latency(to, all);
    fclose(to);
}

static bool run(const uint8_t *data, size_t n)
{
    static struct crew_logs all;
    struct crew_error err = {0};
    bool ok = fuzz_accepted(crew_logs_read(&all, fuzz_file(data, n), &err), &err) &&
              fuzz_accepted(crew_logs_join(&all, &err), &err);
    if (ok) {
        FUZZ_CHECK(all.n_inputs == 1 && all.input[0].skipped <= all.input[0].lines);
        check_page(&all);
        check_numbers(&all);
        check_script(loss, &all);
        for (size_t i = 0; i < all.n_logs; i++) {
            check_script(quota, all.log[i]);
            check_script(spread, all.log[i]);
            check_script(last, all.log[i]);
        }
        if (all.input[0].document)
            check_script(latency, all.input[0].document);
    }
    crew_logs_free(&all);
    return ok;
}

/* What is kept does not depend on a file's length: of each of at most 64 runs up to 64 workers'
 * samples and 400 bins, 1.5 MB. */
const struct fuzz_target fuzz_target = {
    .name = "report", .run = run, .bytes_each = 200, .bytes_more = 128 << 20, .longest = 8192};
