#include "study/logread.h"
#include "base/error.h"
#include "base/mem.h"
#include "study/pairs.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most bytes of a document that is read whole. */
enum { MOST_TEXT = 1 << 28 };

double crew_json_number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    double value[256];
    size_t n = 0;
    if (json_is_number(v))
        return json_number_value(v);
    for (size_t i = 0; i < json_array_size(v) && n < 256; i++)
        if (json_is_number(json_array_get(v, i)))
            value[n++] = json_number_value(json_array_get(v, i));
    struct crew_spread spread = {.median = (double)NAN};
    if (n)
        crew_spread_of(value, n, &spread);
    return spread.median;
}

/* ---- A run ---- */

static void destroy_log(struct crew_log *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < CREW_LOG_WORKERS; i++)
        crew_free(l->sample[i].value);
    crew_free(l->tasks[0]);
    crew_free(l->tasks[1]);
    json_decref(l->start);
    json_decref(l->end);
    crew_free(l->name);
    crew_free(l->path);
    crew_free(l);
}

/* "runs/a.b.jsonl" -> "a.b", and "a.b #2" for the second run in the file. */
static char *name_of(const char *path, size_t number)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path,
               *dot = strrchr(base, '.');
    size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    char *name = crew_alloc(n + 32);
    if (name && number > 1)
        snprintf(name, n + 32, "%.*s #%zu", (int)n, base, number);
    else if (name)
        snprintf(name, n + 32, "%.*s", (int)n, base);
    return name;
}

static crew_status add_log(struct crew_logs *all, const char *path, size_t number,
                           struct crew_log **out, struct crew_error *err)
{
    if (all->n_logs == CREW_LOG_FILES)
        return crew_fail(err, CREW_EINVAL, "%s: more than %d runs", path, CREW_LOG_FILES);
    struct crew_log *l = crew_zalloc(sizeof *l);
    if (!l || !(l->name = name_of(path, number)) || !(l->path = crew_strdup(path))) {
        destroy_log(l);
        return crew_fail(err, CREW_ENOMEM, "%s: no memory for what is in it", path);
    }
    l->each = 1;
    l->best_accuracy = (double)NAN;
    *out = all->log[all->n_logs++] = l;
    return CREW_OK;
}

void crew_log_label(const struct crew_log *log, char *out, size_t cap)
{
    const char *policy = crew_log_setting(log, "policy");
    bool told = !policy || strstr(log->name, policy);
    snprintf(out, cap, "%s%s%s", log->name, told ? "" : ": ", told ? "" : policy);
}

const char *crew_log_setting(const struct crew_log *log, const char *name)
{
    return json_string_value(json_object_get(json_object_get(log->start, "config"), name));
}

/* ---- Its events ---- */

static bool know_workers(struct crew_log *l, size_t n)
{
    if (l->workers || !n || n > UINT32_MAX)
        return l->workers > 0;
    l->shown = n > CREW_LOG_WORKERS ? CREW_LOG_WORKERS + 1 : (uint32_t)n;
    for (size_t i = 0; i < CREW_LOG_WORKERS && i < n; i++)
        if (!(l->sample[i].value = crew_alloc(CREW_LOG_SAMPLES * sizeof(double))))
            return false;
    for (size_t k = 0; k < 2; k++)
        if (!(l->tasks[k] = crew_zalloc(CREW_LOG_BINS * l->shown * sizeof(double))))
            return false;
    l->workers = (uint32_t)n;
    return true;
}

static void merge_bins(struct crew_log *l)
{
    l->each *= 2;
    for (size_t i = 0; i < CREW_LOG_BINS / 2; i++) {
        const struct crew_log_bin *a = &l->bin[2 * i], *b = a + 1;
        struct crew_log_bin both = *b;
        both.rounds += a->rounds;
        if (isfinite(a->loss) && isfinite(b->loss))
            both.loss = (a->loss * (double)a->rounds + b->loss * (double)b->rounds) /
                        (double)both.rounds;
        l->bin[i] = both;
        for (size_t k = 0; l->shown && k < 2; k++)
            for (uint32_t w = 0; w < l->shown; w++)
                l->tasks[k][i * l->shown + w] =
                    l->tasks[k][2 * i * l->shown + w] + l->tasks[k][(2 * i + 1) * l->shown + w];
    }
    l->n_bins = CREW_LOG_BINS / 2;
    for (size_t k = 0; l->shown && k < 2; k++)
        memset(l->tasks[k] + l->n_bins * l->shown, 0,
               l->n_bins * l->shown * sizeof *l->tasks[k]);
}

static void add_tasks(struct crew_log *l, size_t bin, const json_t *event)
{
    static const char *const key[2] = {"done", "quota"};
    for (size_t k = 0; k < 2; k++) {
        const json_t *list = json_object_get(event, key[k]);
        for (size_t i = 0; i < json_array_size(list) && i < l->workers; i++) {
            double n = json_number_value(json_array_get(list, i));
            size_t w = i < CREW_LOG_WORKERS ? i : CREW_LOG_WORKERS;
            l->tasks[k][bin * l->shown + w] += n > 0 ? n : 0;
            l->planned |= k == 1 && n > 0;
        }
    }
    const json_t *mean = json_object_get(event, "mean_ms");
    for (size_t i = 0; i < json_array_size(mean) && i < l->workers && i < CREW_LOG_WORKERS; i++)
        if (json_number_value(json_array_get(mean, i)) > 0)
            crew_log_sample(&l->sample[i], 1e-3 * json_number_value(json_array_get(mean, i)));
}

static bool take_round(struct crew_log *l, const json_t *o)
{
    double seconds = crew_json_number(o, "seconds"), elapsed = crew_json_number(o, "elapsed_s"),
           number = crew_json_number(o, "round"), wait = crew_json_number(o, "wait_s"),
           worker_s = crew_json_number(o, "worker_s"), loss = crew_json_number(o, "loss");
    if (!(number >= 1 && number < 0x1p63) || (!isfinite(seconds) && !isfinite(elapsed)))
        return false;
    seconds = isfinite(seconds) ? seconds : elapsed - l->seconds;
    l->seconds = isfinite(elapsed) ? elapsed : l->seconds + seconds;
    l->worker_s += worker_s > 0 ? worker_s : 0;
    bool workers = know_workers(l, json_array_size(json_object_get(o, "done")));
    l->round[l->rounds++ % CREW_LOG_ROUNDS] = (struct crew_log_round){
        (uint64_t)number, l->seconds - seconds, seconds, isfinite(wait) ? wait : seconds};
    if (!l->n_bins || l->bin[l->n_bins - 1].rounds == l->each) {
        if (l->n_bins == CREW_LOG_BINS)
            merge_bins(l);
        l->bin[l->n_bins++] = (struct crew_log_bin){.loss = 0};
    }
    struct crew_log_bin *b = &l->bin[l->n_bins - 1];
    b->loss += (loss - b->loss) / (double)++b->rounds; /* NaN stays */
    b->last = (uint64_t)number;
    b->seconds = l->seconds;
    b->worker_s = l->worker_s;
    if (workers)
        add_tasks(l, l->n_bins - 1, o);
    return true;
}

static bool take_event(struct crew_log *l, json_t *o, const char *event)
{
    if (!strcmp(event, "round"))
        return take_round(l, o);
    if (!strcmp(event, "eval")) {
        double accuracy = crew_json_number(o, "val_accuracy");
        if (!(l->best_accuracy >= accuracy))
            l->best_accuracy = accuracy;
        return true;
    }
    json_t **field = !strcmp(event, "start") ? &l->start
                     : !strcmp(event, "end") ? &l->end
                                             : NULL;
    if (!field || *field)
        return false;
    *field = json_incref(o);
    return true;
}

/* ---- Files, line by line ---- */

struct reading {
    struct crew_logs *all;
    struct crew_input *input;
    struct crew_log *log;
    struct crew_tasks *tasks;
    struct crew_task_columns columns;
    size_t runs;
    bool known; /* what it is */
    char *text; /* else all of it so far */
    size_t bytes, held;
    FILE *to;
};

/* A line of a log; *used: it is one. A second start, or a round after the end, is a run of its
 * own: files may be joined. */
static crew_status log_line(struct reading *r, const char *line, size_t n, bool *used,
                            struct crew_error *err)
{
    json_t *o = json_loadb(line, n, 0, NULL);
    const char *event = json_string_value(json_object_get(o, "event"));
    crew_status status = CREW_OK;
    *used = false;
    if (event && (!strcmp(event, "start") || !strcmp(event, "round") ||
                  !strcmp(event, "eval") || !strcmp(event, "end"))) {
        bool start = !strcmp(event, "start");
        if (!r->log || (start && (r->log->start || r->log->rounds || r->log->end)))
            status = add_log(r->all, r->input->path, ++r->runs, &r->log, err);
        *used = status == CREW_OK && take_event(r->log, o, event);
    }
    json_decref(o);
    return status;
}

static crew_status first_line(struct reading *r, const char *line, size_t n,
                              struct crew_error *err)
{
    bool csv = crew_task_header(line, n, &r->columns);
    if (!csv && strncmp(line, "{\"traceEvents\":", 15) != 0)
        return CREW_OK;
    r->known = true;
    r->input->kind = csv ? CREW_INPUT_TASKS : CREW_INPUT_TIMELINE;
    crew_status status = crew_tasks_create(r->input->path, &r->tasks, err);
    if (status == CREW_OK)
        r->all->tasks[r->all->n_tasks++] = r->tasks;
    return status;
}

static crew_status take_line(struct reading *r, const char *line, size_t n,
                             struct crew_error *err)
{
    bool used = false, first = r->input->lines++ == 0;
    if (first)
        TRY(first_line(r, line, n, err));
    if (r->input->kind == CREW_INPUT_TIMELINE) {
        used = crew_trace_line(r->tasks, line, n);
    } else if (r->input->kind == CREW_INPUT_TASKS) {
        used = first || crew_task_line(r->tasks, &r->columns, line, n);
    } else {
        TRY(log_line(r, line, n, &used, err));
        r->known |= used;
        if (!r->known && (r->held += n + 1) < MOST_TEXT) {
            fwrite(line, 1, n, r->to);
            fputc('\n', r->to);
        }
    }
    r->input->skipped += !used;
    return CREW_OK;
}

static crew_status take_document(struct reading *r, struct crew_error *err)
{
    struct crew_input *in = r->input;
    in->document = json_loadb(r->text, r->bytes, 0, NULL);
    if (json_is_array(json_object_get(in->document, "policies")))
        in->kind = CREW_INPUT_COMPARISON;
    else if (json_object_get(in->document, "machine") || /* also of crew cores */
             json_object_get(in->document, "slots") ||
             json_object_get(in->document, "latency_ns"))
        in->kind = CREW_INPUT_BENCHMARK;
    else
        return crew_fail(
            err, CREW_EFORMAT,
            "%s: nothing usable in its %llu lines: neither a log, nor task times, a "
            "timeline, or JSON of compare or bench",
            in->path, (unsigned long long)in->lines);
    in->lines = in->skipped = 0;
    return CREW_OK;
}

static crew_status read_lines(struct reading *r, FILE *f, struct crew_error *err)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    crew_status status = CREW_OK;
    while (status == CREW_OK && (n = getline(&line, &cap, f)) >= 0) {
        while (n && strchr("\r\n \t", line[n - 1]) && line[n - 1])
            n--;
        line[n] = '\0';
        if (n)
            status = take_line(r, line, (size_t)n, err);
    }
    free(line);
    if (status == CREW_OK && ferror(f))
        status = crew_fail(err, CREW_EINPUT, "%s: %s", r->input->path, strerror(errno));
    return status;
}

crew_status crew_logs_read(struct crew_logs *all, const char *path, struct crew_error *err)
{
    if (all->n_inputs == CREW_LOG_FILES)
        return crew_fail(err, CREW_EINVAL, "%s: more than %d files", path, CREW_LOG_FILES);
    struct reading r = {.all = all, .input = &all->input[all->n_inputs]};
    FILE *f = fopen(path, "rb");
    if (!f)
        return crew_fail(err, CREW_EINPUT, "%s: %s", path, strerror(errno));
    r.input->path = crew_strdup(path);
    r.to = open_memstream(&r.text, &r.bytes);
    all->n_inputs++;
    crew_status status = r.input->path && r.to
                             ? CREW_OK
                             : crew_fail(err, CREW_ENOMEM, "%s: no memory to read it", path);
    if (status == CREW_OK)
        status = read_lines(&r, f, err);
    if (r.to && fclose(r.to) != 0 && status == CREW_OK)
        status = crew_fail(err, CREW_ENOMEM, "%s: no memory to read it", path);
    fclose(f);
    if (status == CREW_OK && !r.known)
        status = take_document(&r, err);
    else if (status == CREW_OK && r.tasks && !r.tasks->n)
        status = crew_fail(err, CREW_EFORMAT, "%s: no task in its %llu lines", path,
                           (unsigned long long)r.input->lines);
    free(r.text);
    return status;
}

/* ---- Who belongs to whom ---- */

static size_t stem(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    return dot ? (size_t)(dot - path) : strlen(path);
}

/* "run.tasks.csv" and "run.timeline.json" lie beside "run.jsonl". */
static bool beside(const char *log, const char *tasks)
{
    size_t n = stem(log);
    return (strlen(tasks) > n && !strncmp(log, tasks, n) && tasks[n] == '.') ||
           !strncmp(log, tasks, strlen(log));
}

static void give(struct crew_log *l, struct crew_tasks *t)
{
    t->used = true;
    if (!l->single || t->measured) /* a timeline knows more */
        l->single = t;
}

crew_status crew_logs_join(struct crew_logs *all, struct crew_error *err)
{
    size_t runs = all->n_logs;
    for (size_t i = 0; i < all->n_tasks; i++)
        for (size_t k = 0; k < runs && !all->tasks[i]->used; k++)
            if (beside(all->log[k]->path, all->tasks[i]->path) || runs == 1)
                give(all->log[k], all->tasks[i]);
    for (size_t i = 0; i < all->n_tasks; i++)
        if (!all->tasks[i]->used) {
            struct crew_log *l;
            TRY(add_log(all, all->tasks[i]->path, 1, &l, err));
            give(l, all->tasks[i]);
        }
    return CREW_OK;
}

void crew_logs_free(struct crew_logs *all)
{
    for (size_t i = 0; i < all->n_inputs; i++) {
        crew_free(all->input[i].path);
        json_decref(all->input[i].document);
    }
    for (size_t i = 0; i < all->n_logs; i++)
        destroy_log(all->log[i]);
    for (size_t i = 0; i < all->n_tasks; i++)
        crew_tasks_destroy(all->tasks[i]);
    *all = (struct crew_logs){0};
}
