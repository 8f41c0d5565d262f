#include "study/report.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "study/page.h"
#include "study/plot.h"
#include "train/output.h"
#include <crew/crew.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- gnuplot: a script on its standard input, the picture on its standard output ---- */

/* Anonymous files on both sides: nobody waits for the other to read. */
struct child {
    int in, out, err;
};

static void close_files(struct child *c)
{
    const int fds[] = {c->in, c->out, c->err};
    for (size_t i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static bool write_script(int fd, const char *text, size_t bytes)
{
    while (bytes) {
        ssize_t n = write(fd, text, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text += n;
        bytes -= (size_t)n;
    }
    return lseek(fd, 0, SEEK_SET) == 0;
}

/* The file's contents, terminated; free() it. */
static char *read_back(int fd)
{
    struct stat st;
    char *text = fstat(fd, &st) == 0 ? malloc((size_t)st.st_size + 1) : NULL;
    size_t at = 0;
    while (text && at < (size_t)st.st_size) {
        ssize_t n = pread(fd, text + at, (size_t)st.st_size - at, (off_t)at);
        if (n <= 0 && errno != EINTR)
            break;
        at += n > 0 ? (size_t)n : 0;
    }
    if (text)
        text[at] = '\0';
    return text;
}

/* For the child, of which sys/wait.h speaks, no longer than so many seconds: 0, an errno, or -1
 * when it failed itself. */
static int await(pid_t pid, double seconds)
{
    int status = 0;
    double until_s = crew_now_s() + seconds;
    for (int ms = 1;; ms += ms < 20) {
        pid_t done = waitpid(pid, &status, WNOHANG);
        if (done == pid)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
        if (done < 0 && errno != EINTR)
            return errno;
        if (crew_now_s() >= until_s)
            break;
        poll(NULL, 0, ms); /* sleeps */
    }
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return ETIMEDOUT;
}

/* Runs it, as await(). */
static int run_gnuplot(const struct child *c, double seconds)
{
    char name[] = "gnuplot", defaults[] = "-d"; /* no ~/.gnuplot */
    char *argv[] = {name, defaults, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid;
    int why = posix_spawn_file_actions_init(&files);
    if (why)
        return why;
    why = posix_spawn_file_actions_adddup2(&files, c->in, 0);
    why = why ? why : posix_spawn_file_actions_adddup2(&files, c->out, 1);
    why = why ? why : posix_spawn_file_actions_adddup2(&files, c->err, 2);
    why = why ? why : posix_spawnp(&pid, name, &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    return why ? why : await(pid, seconds);
}

#define NO_PAGE ": no page, but the numbers are in CSV files beside it"

static crew_status explain(int why, int errors, double seconds, struct crew_error *err)
{
    if (why == ENOENT)
        return crew_fail(err, CREW_EOUTPUT,
                         "gnuplot is missing (Debian package gnuplot-nox)" NO_PAGE);
    if (why == ETIMEDOUT)
        return crew_fail(err, CREW_EOUTPUT, "gnuplot was still drawing after %g s" NO_PAGE,
                         seconds);
    if (why > 0)
        return crew_fail(err, CREW_EOUTPUT, "gnuplot cannot be started: %s" NO_PAGE,
                         strerror(why));
    char *text = read_back(errors);
    size_t n = text ? strlen(text) : 0; /* its last line says why */
    while (n && strchr("\n ", text[n - 1]))
        text[--n] = '\0';
    const char *line = n ? strrchr(text, '\n') : NULL;
    line = line ? line + 1 : n ? text + strspn(text, " ") : "it says nothing";
    crew_status status = crew_fail(err, CREW_EOUTPUT, "gnuplot failed (%.160s)" NO_PAGE, line);
    free(text);
    return status;
}

/* The script's picture as SVG; free() it. */
static crew_status draw(const char *script, size_t bytes, double seconds, char **svg,
                        struct crew_error *err)
{
    struct child c = {memfd_create("script", MFD_CLOEXEC), memfd_create("picture", MFD_CLOEXEC),
                      memfd_create("errors", MFD_CLOEXEC)};
    crew_status status = CREW_OK;
    if (c.in < 0 || c.out < 0 || c.err < 0 || !write_script(c.in, script, bytes)) {
        status = crew_fail(err, CREW_ENOMEM, "no memory for a plot: %s", strerror(errno));
    } else {
        int why = run_gnuplot(&c, seconds);
        if (why)
            status = explain(why, c.err, seconds, err);
        else if (!(*svg = read_back(c.out)))
            status = crew_fail(err, CREW_ENOMEM, "no memory for a plot");
        else if (!strstr(*svg, "</svg>"))
            status = crew_fail(err, CREW_EOUTPUT, "gnuplot drew no picture" NO_PAGE);
    }
    close_files(&c);
    return status;
}

/* ---- All plots ---- */

enum plot { LOSS, CORE_LOSS, QUOTA, TIMES, LAST, LATENCY, WATCH };

struct drawing {
    const struct crew_logs *all;
    double seconds; /* for each of them */
};

static bool write_plot(FILE *to, const struct crew_logs *all, enum plot what, size_t i)
{
    switch (what) {
    case LOSS:
    case CORE_LOSS:
        return crew_plot_loss(to, all, what == CORE_LOSS);
    case QUOTA:
        return crew_plot_quota(to, all->log[i]);
    case TIMES:
        return crew_plot_times(to, all->log[i]);
    case LAST:
        return crew_plot_last(to, all->log[i]);
    case LATENCY:
        return crew_plot_latency(to, all->input[i].document);
    case WATCH:
        return crew_plot_watch(to, all->input[i].document);
    }
    return false;
}

static crew_status plot(const struct drawing *d, enum plot what, size_t i, char **svg,
                        struct crew_error *err)
{
    char *script = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&script, &bytes);
    bool any = to && write_plot(to, d->all, what, i);
    bool ok = to && fclose(to) == 0;
    crew_status status = !ok   ? crew_fail(err, CREW_ENOMEM, "no memory for a plot")
                         : any ? draw(script, bytes, d->seconds, svg, err)
                               : CREW_OK;
    free(script);
    return status;
}

static crew_status plot_all(const struct drawing *d, struct crew_page_plots *p,
                            struct crew_error *err)
{
    TRY(plot(d, LOSS, 0, &p->loss[0], err));
    TRY(plot(d, CORE_LOSS, 0, &p->loss[1], err));
    for (size_t i = 0; i < d->all->n_logs; i++) {
        TRY(plot(d, QUOTA, i, &p->quota[i], err));
        TRY(plot(d, TIMES, i, &p->times[i], err));
        TRY(plot(d, LAST, i, &p->last[i], err));
    }
    for (size_t i = 0; i < d->all->n_inputs; i++) {
        TRY(plot(d, LATENCY, i, &p->latency[i], err));
        TRY(plot(d, WATCH, i, &p->watch[i], err));
    }
    return CREW_OK;
}

static void free_plots(struct crew_page_plots *p)
{
    free(p->loss[0]);
    free(p->loss[1]);
    for (size_t i = 0; i < CREW_LOG_FILES; i++) {
        free(p->quota[i]);
        free(p->times[i]);
        free(p->last[i]);
        free(p->latency[i]);
        free(p->watch[i]);
    }
}

/* ---- Outputs ---- */

static const struct {
    const char *name;
    bool (*write)(FILE *to, const struct crew_logs *all);
} tables[] = {{"loss", crew_csv_loss},       {"quota", crew_csv_quota},
              {"times", crew_csv_times},     {"last", crew_csv_last},
              {"latency", crew_csv_latency}, {"watch", crew_csv_watch}};

enum { N_TABLES = sizeof tables / sizeof *tables };

/* "x/report.html" -> "x/report-loss.csv"; crew_free() it. */
static char *beside(const char *output, const char *name)
{
    const char *slash = strrchr(output, '/'), *base = slash ? slash + 1 : output,
               *dot = strrchr(base, '.');
    size_t stem = dot && dot > base ? (size_t)(dot - output) : strlen(output);
    size_t bytes = stem + strlen(name) + 8;
    char *path = crew_alloc(bytes);
    if (path)
        snprintf(path, bytes, "%.*s-%s.csv", (int)stem, output, name);
    return path;
}

/* Written whole from memory; empty ones are not, unless there is one of an earlier report: its
 * numbers are not this one's. write: one of the tables, or NULL: a page. */
static crew_status write_file(const struct crew_report_config *cfg, const char *path,
                              bool (*write)(FILE *, const struct crew_logs *),
                              const struct crew_logs *all, const struct crew_page_plots *plots,
                              struct crew_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    bool any = true;
    FILE *to = open_memstream(&text, &bytes);
    if (to && write)
        any = write(to, all);
    else if (to)
        crew_page_write(to, all, plots);
    bool ok = to && !ferror(to);
    ok = to && fclose(to) == 0 && ok;
    const struct crew_piece piece = {text, bytes};
    crew_status status = !ok ? crew_fail(err, CREW_ENOMEM, "no memory to write %s", path)
                         : any || access(path, F_OK) == 0
                             ? crew_output_write(path, cfg->replace, &piece, 1, err)
                             : CREW_OK;
    free(text);
    return status;
}

/* all: write them; NULL: only try whether they can be. */
static crew_status each_table(const struct crew_report_config *cfg, const struct crew_logs *all,
                              struct crew_error *err)
{
    crew_status status = CREW_OK;
    for (size_t i = 0; i < N_TABLES && status == CREW_OK; i++) {
        char *path = beside(cfg->output, tables[i].name);
        status = !path ? crew_fail(err, CREW_ENOMEM, "no memory for a name")
                 : all ? write_file(cfg, path, tables[i].write, all, NULL, err)
                       : crew_output_check(path, cfg->replace, err);
        crew_free(path);
    }
    return status;
}

/* ---- Inputs ---- */

static void skip(const struct crew_report_config *cfg, const char *why)
{
    char sentence[600];
    snprintf(sentence, sizeof sentence, "%s; skipped", why);
    if (cfg->on_skip)
        cfg->on_skip(cfg->user, sentence);
}

/* CREW_OK also when there is nothing usable in it: first says why, if it is empty so far.
 * alone: it is the failure then, and not told here. */
static crew_status read_or_skip(const struct crew_report_config *cfg, struct crew_logs *all,
                                const char *path, bool alone, struct crew_error *first,
                                struct crew_error *err)
{
    struct crew_error why = {.status = CREW_OK};
    crew_status status = crew_logs_read(all, path, &why);
    if (status == CREW_OK)
        return CREW_OK;
    if (status == CREW_ENOMEM)
        return crew_fail(err, status, "%s", why.text);
    if (!alone)
        skip(cfg, why.text);
    if (first->status == CREW_OK)
        *first = why;
    return CREW_OK;
}

static bool is_named(const struct crew_report_config *cfg, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(cfg->inputs[i], path))
            return true;
    return false;
}

/* A run's tasks are also found when only its log is named. */
static crew_status read_beside(const struct crew_report_config *cfg, struct crew_logs *all,
                               const char *log, struct crew_error *err)
{
    const char *slash = strrchr(log, '/'), *dot = strrchr(slash ? slash : log, '.');
    const int stems[] = {(int)strlen(log), dot ? (int)(dot - log) : 0};
    struct crew_error ignored = {.status = CREW_OK};
    crew_status status = CREW_OK;
    for (size_t i = 0; i < 2 && status == CREW_OK; i++) {
        size_t bytes = strlen(log) + 16;
        char *path = crew_alloc(bytes);
        if (!path)
            return crew_fail(err, CREW_ENOMEM, "no memory for a name");
        snprintf(path, bytes, "%.*s.tasks.csv", stems[i], log);
        if (stems[i] && access(path, R_OK) == 0 && !is_named(cfg, cfg->n_inputs, path))
            status = read_or_skip(cfg, all, path, false, &ignored, err);
        crew_free(path);
    }
    return status;
}

static void tell_lines(const struct crew_report_config *cfg, const struct crew_logs *all)
{
    char note[600];
    for (size_t i = 0; i < all->n_inputs && cfg->on_note; i++) {
        const struct crew_input *in = &all->input[i];
        if (!in->skipped || in->kind == CREW_INPUT_UNUSABLE)
            continue;
        snprintf(note, sizeof note, "%s: %llu of %llu lines skipped, cut or not its own",
                 in->path, (unsigned long long)in->skipped, (unsigned long long)in->lines);
        cfg->on_note(cfg->user, note);
    }
}

static crew_status read_inputs(const struct crew_report_config *cfg, struct crew_logs *all,
                               struct crew_error *err)
{
    struct crew_error first = {.status = CREW_OK};
    size_t usable = 0;
    for (size_t i = 0; i < cfg->n_inputs; i++) {
        const char *path = cfg->inputs[i];
        size_t at = all->n_inputs;
        if (is_named(cfg, i, path)) /* once is enough */
            continue;
        TRY(read_or_skip(cfg, all, path, cfg->n_inputs == 1, &first, err));
        if (all->n_inputs == at || all->input[at].kind == CREW_INPUT_UNUSABLE)
            continue;
        usable++;
        if (all->input[at].kind == CREW_INPUT_LOG)
            TRY(read_beside(cfg, all, path, err));
    }
    if (!usable && cfg->n_inputs > 1)
        return crew_fail(err, first.status, "none of the %zu files is usable", cfg->n_inputs);
    if (!usable)
        return crew_fail(err, first.status, "%s", first.text);
    tell_lines(cfg, all);
    return crew_logs_join(all, err);
}

crew_status crew_report(const struct crew_report_config *cfg, struct crew_error *err)
{
    struct crew_logs *all = crew_zalloc(sizeof *all);
    struct crew_page_plots *plots = crew_zalloc(sizeof *plots);
    const struct drawing d = {all, cfg->plot_s > 0 ? cfg->plot_s : 60};
    crew_status status =
        all && plots ? CREW_OK : crew_fail(err, CREW_ENOMEM, "no memory for a report");
    if (status == CREW_OK)
        status = crew_output_check(cfg->output, cfg->replace, err);
    if (status == CREW_OK)
        status = each_table(cfg, NULL, err);
    if (status == CREW_OK)
        status = read_inputs(cfg, all, err);
    if (status == CREW_OK)
        status = each_table(cfg, all, err);
    if (status == CREW_OK)
        status = plot_all(&d, plots, err);
    if (status == CREW_OK)
        status = write_file(cfg, cfg->output, NULL, all, plots, err);
    if (plots)
        free_plots(plots);
    if (all)
        crew_logs_free(all);
    crew_free(plots);
    crew_free(all);
    return status;
}
