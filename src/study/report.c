#include "study/report.h"
#include "base/error.h"
#include "base/mem.h"
#include "study/page.h"
#include "study/plot.h"
#include "train/output.h"
#include <crew/crew.h>
#include <errno.h>
#include <fcntl.h>
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

/* Runs it: 0, an errno, or -1 when it failed itself. */
static int run_gnuplot(const struct child *c)
{
    char name[] = "gnuplot", defaults[] = "-d"; /* no ~/.gnuplot */
    char *argv[] = {name, defaults, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid;
    int why = posix_spawn_file_actions_init(&files), status = 0;
    if (why)
        return why;
    why = posix_spawn_file_actions_adddup2(&files, c->in, 0);
    why = why ? why : posix_spawn_file_actions_adddup2(&files, c->out, 1);
    why = why ? why : posix_spawn_file_actions_adddup2(&files, c->err, 2);
    why = why ? why : posix_spawnp(&pid, name, &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    if (why)
        return why;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static crew_status explain(int why, int errors, struct crew_error *err)
{
    if (why == ENOENT)
        return crew_fail(
            err, CREW_EOUTPUT,
            "gnuplot is missing (Debian package gnuplot-nox): no page, but the numbers "
            "are in CSV files beside it");
    if (why > 0)
        return crew_fail(err, CREW_EOUTPUT, "gnuplot cannot be started: %s", strerror(why));
    char *text = read_back(errors);
    size_t n = text ? strlen(text) : 0; /* its last line says why */
    while (n && strchr("\n ", text[n - 1]))
        text[--n] = '\0';
    const char *line = n ? strrchr(text, '\n') : NULL;
    crew_status status = crew_fail(err, CREW_EOUTPUT, "gnuplot failed: %.160s",
                                   line ? line + 1
                                   : n  ? text
                                        : "it says nothing");
    free(text);
    return status;
}

/* The script's picture as SVG; free() it. */
static crew_status draw(const char *script, size_t bytes, char **svg, struct crew_error *err)
{
    struct child c = {memfd_create("script", MFD_CLOEXEC), memfd_create("picture", MFD_CLOEXEC),
                      memfd_create("errors", MFD_CLOEXEC)};
    crew_status status = CREW_OK;
    if (c.in < 0 || c.out < 0 || c.err < 0 || !write_script(c.in, script, bytes)) {
        status = crew_fail(err, CREW_ENOMEM, "no memory for a plot: %s", strerror(errno));
    } else {
        int why = run_gnuplot(&c);
        if (why)
            status = explain(why, c.err, err);
        else if (!(*svg = read_back(c.out)))
            status = crew_fail(err, CREW_ENOMEM, "no memory for a plot");
        else if (!strstr(*svg, "</svg>"))
            status = crew_fail(err, CREW_EOUTPUT, "gnuplot failed: no picture from it");
    }
    close_files(&c);
    return status;
}

/* ---- All plots ---- */

enum plot { LOSS, CORE_LOSS, QUOTA, TIMES, LAST, LATENCY };

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
    }
    return false;
}

static crew_status plot(const struct crew_logs *all, enum plot what, size_t i, char **svg,
                        struct crew_error *err)
{
    char *script = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&script, &bytes);
    bool any = to && write_plot(to, all, what, i);
    bool ok = to && fclose(to) == 0;
    crew_status status = !ok   ? crew_fail(err, CREW_ENOMEM, "no memory for a plot")
                         : any ? draw(script, bytes, svg, err)
                               : CREW_OK;
    free(script);
    return status;
}

static crew_status plot_all(const struct crew_logs *all, struct crew_page_plots *p,
                            struct crew_error *err)
{
    TRY(plot(all, LOSS, 0, &p->loss[0], err));
    TRY(plot(all, CORE_LOSS, 0, &p->loss[1], err));
    for (size_t i = 0; i < all->n_logs; i++) {
        TRY(plot(all, QUOTA, i, &p->quota[i], err));
        TRY(plot(all, TIMES, i, &p->times[i], err));
        TRY(plot(all, LAST, i, &p->last[i], err));
    }
    for (size_t i = 0; i < all->n_inputs; i++)
        TRY(plot(all, LATENCY, i, &p->latency[i], err));
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
    }
}

/* ---- Outputs ---- */

static const struct {
    const char *name;
    bool (*write)(FILE *to, const struct crew_logs *all);
} tables[] = {{"loss", crew_csv_loss},
              {"quota", crew_csv_quota},
              {"times", crew_csv_times},
              {"last", crew_csv_last},
              {"latency", crew_csv_latency}};

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

/* Written whole from memory; empty ones are not. write: one of the tables, or NULL: a page. */
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
    crew_status status = !ok   ? crew_fail(err, CREW_ENOMEM, "no memory to write %s", path)
                         : any ? crew_output_write(path, cfg->replace, &piece, 1, err)
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

/* A run's tasks are also found when only its log is named. */
static crew_status read_beside(const struct crew_report_config *cfg, struct crew_logs *all,
                               const char *log, struct crew_error *err)
{
    const char *slash = strrchr(log, '/'), *dot = strrchr(slash ? slash : log, '.');
    const int stems[] = {(int)strlen(log), dot ? (int)(dot - log) : 0};
    crew_status status = CREW_OK;
    for (size_t i = 0; i < 2 && status == CREW_OK; i++) {
        size_t bytes = strlen(log) + 16;
        char *path = crew_alloc(bytes);
        if (!path)
            return crew_fail(err, CREW_ENOMEM, "no memory for a name");
        snprintf(path, bytes, "%.*s.tasks.csv", stems[i], log);
        bool named = stems[i] == 0 || access(path, R_OK) != 0;
        for (size_t k = 0; k < cfg->n_inputs; k++)
            named |= !strcmp(cfg->inputs[k], path);
        if (!named)
            status = crew_logs_read(all, path, err);
        crew_free(path);
    }
    return status;
}

static crew_status read_inputs(const struct crew_report_config *cfg, struct crew_logs *all,
                               struct crew_error *err)
{
    char note[512];
    for (size_t i = 0; i < cfg->n_inputs; i++) {
        TRY(crew_logs_read(all, cfg->inputs[i], err));
        if (all->input[all->n_inputs - 1].kind == CREW_INPUT_LOG)
            TRY(read_beside(cfg, all, cfg->inputs[i], err));
    }
    for (size_t i = 0; i < all->n_inputs && cfg->on_note; i++) {
        const struct crew_input *in = &all->input[i];
        if (!in->skipped)
            continue;
        snprintf(note, sizeof note, "%s: %llu of %llu lines skipped, cut or not its own",
                 in->path, (unsigned long long)in->skipped, (unsigned long long)in->lines);
        cfg->on_note(cfg->user, note);
    }
    return crew_logs_join(all, err);
}

crew_status crew_report(const struct crew_report_config *cfg, struct crew_error *err)
{
    struct crew_logs *all = crew_zalloc(sizeof *all);
    struct crew_page_plots *plots = crew_zalloc(sizeof *plots);
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
        status = plot_all(all, plots, err);
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
