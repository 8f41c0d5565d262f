#include "study/logread.h"
#include "base/error.h"
#include "base/input.h"
#include "base/mem.h"
#include "study/pairs.h"
#include <crew/machine.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most bytes of a document that is read whole, of a line: of a round of a million workers, and
 * of memory for a line as JSON. */
enum { MOST_TEXT = 1 << 28, MOST_LINE = 1 << 26, MOST_VALUES = 1 << 30 };

double crew_json_number(const json_t *o, const char *key)
{
    enum { MOST = 1 << 10 }; /* repeats */
    const json_t *v = json_object_get(o, key);
    double value[MOST];
    size_t n = 0;
    if (json_is_number(v))
        return json_number_value(v);
    for (size_t i = 0; i < json_array_size(v) && n < MOST; i++)
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
            l->tasks[k][bin * l->shown + w] += n > 0 && n <= CREW_LOG_MOST ? n : 0;
            l->planned |= k == 1 && n > 0;
        }
    }
    const json_t *mean = json_object_get(event, "mean_ms");
    for (size_t i = 0; i < json_array_size(mean) && i < l->workers && i < CREW_LOG_WORKERS;
         i++) {
        double ms = json_number_value(json_array_get(mean, i));
        if (ms > 0 && ms <= CREW_LOG_MOST)
            crew_log_sample(&l->sample[i], 1e-3 * ms);
    }
}

/* Seconds, 0 or more, or not there at all. */
static bool may_be_time(double s)
{
    return isnan(s) || (s >= 0 && s <= CREW_LOG_MOST);
}

static bool take_round(struct crew_log *l, const json_t *o)
{
    double seconds = crew_json_number(o, "seconds"), elapsed = crew_json_number(o, "elapsed_s"),
           number = crew_json_number(o, "round"), wait = crew_json_number(o, "wait_s"),
           worker_s = crew_json_number(o, "worker_s"), loss = crew_json_number(o, "loss");
    if (!(number >= 1 && number < 0x1p63) || (isnan(seconds) && isnan(elapsed)) ||
        !may_be_time(seconds) || !may_be_time(elapsed) || !may_be_time(wait) ||
        !may_be_time(worker_s) || elapsed < l->seconds)
        return false;
    seconds = isnan(seconds) ? elapsed - l->seconds : seconds;
    l->seconds = isnan(elapsed) ? l->seconds + seconds : elapsed;
    l->worker_s += isnan(worker_s) ? 0 : worker_s;
    loss = fabs(loss) <= CREW_LOG_MOST ? loss : (double)NAN;
    bool workers = know_workers(l, json_array_size(json_object_get(o, "done")));
    l->round[l->rounds++ % CREW_LOG_ROUNDS] = (struct crew_log_round){
        (uint64_t)number, l->seconds - seconds, seconds, isnan(wait) ? seconds : wait};
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
    bool known;    /* what it is */
    bool document; /* it may be one, from how it begins */
    char *text;    /* else all of it so far */
    size_t bytes, held;
    FILE *to;
};

/* A line of a log; *used: it is one. A second start, or a round after the end, is a run of its
 * own: files may be joined. */
static crew_status log_line(struct reading *r, const char *line, size_t n, bool *used,
                            struct crew_error *err)
{
    json_t *o = crew_json_bytes(line, n) <= MOST_VALUES ? json_loadb(line, n, 0, NULL) : NULL;
    const char *event = json_string_value(json_object_get(o, "event"));
    crew_status status = CREW_OK;
    *used = false;
    if (event && r->log &&
        (!strcmp(event, "resume") || !strcmp(event, "checkpoint") ||
         !strcmp(event, "policy"))) {
        *used = true;
    } else if (event && (!strcmp(event, "start") || !strcmp(event, "round") ||
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
    r->document = line[strspn(line, " \t")] == '{';
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
        if (!r->known && r->document && (r->held += n + 1) < MOST_TEXT) {
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
    double bytes = crew_json_bytes(r->text, r->bytes);
    if (bytes > MOST_VALUES && bytes > (double)crew_machine_free_bytes() / 2)
        return crew_fail(err, CREW_ENOMEM, "%s: no memory for what is in it", in->path);
    in->document = json_loadb(r->text, r->bytes, 0, NULL);
    bool profile = json_object_get(in->document, "crew_profile");
    if (json_is_array(json_object_get(in->document, "policies")))
        in->kind = CREW_INPUT_COMPARISON;
    else if (!profile && (json_object_get(in->document, "machine") || /* also of crew cores */
                          json_object_get(in->document, "slots") ||
                          json_object_get(in->document, "latency_ns")))
        in->kind = CREW_INPUT_BENCHMARK;
    else if (profile)
        return crew_fail(err, CREW_EFORMAT,
                         "%s: a profile of task times, for crew train --profile; what it was "
                         "made of is in the JSON of crew bench and in logs",
                         in->path);
    else
        return crew_fail(
            err, CREW_EFORMAT,
            "%s: nothing usable in its %llu line%s: neither a log, nor task times, a "
            "timeline, or JSON of compare or bench",
            in->path, (unsigned long long)in->lines, in->lines == 1 ? "" : "s");
    in->lines = in->skipped = 0;
    return CREW_OK;
}

/* Of a file that is known a line too long is one more that is skipped, and the last one: what
 * came before it stays. */
static crew_status read_lines(struct reading *r, FILE *f, struct crew_error *err)
{
    struct crew_lines lines = {.path = r->input->path, .file = f, .most = MOST_LINE};
    char *line;
    size_t n;
    crew_status status;
    while ((status = crew_lines_next(&lines, &line, &n, err)) == CREW_OK && line) {
        while (n && strchr("\r\n \t", line[n - 1]) && line[n - 1])
            n--;
        line[n] = '\0';
        if (n && (status = take_line(r, line, n, err)) != CREW_OK)
            break;
    }
    crew_lines_free(&lines);
    if (status == CREW_EFORMAT && r->known) {
        r->input->lines++;
        r->input->skipped++;
        return CREW_OK;
    }
    return status;
}

/* What came before goes, too: half a file is worse than none. */
static void give_up(struct crew_logs *all, struct crew_input *in, size_t logs, size_t tasks,
                    const char *why)
{
    while (all->n_logs > logs)
        destroy_log(all->log[--all->n_logs]);
    while (all->n_tasks > tasks)
        crew_tasks_destroy(all->tasks[--all->n_tasks]);
    json_decref(in->document);
    in->document = NULL;
    in->kind = CREW_INPUT_UNUSABLE;
    in->skipped = in->lines;
    snprintf(in->why, sizeof in->why, "%s", why);
}

static crew_status read_file(struct reading *r, struct crew_error *err)
{
    FILE *f;
    TRY(crew_input_open(r->input->path, &f, err));
    r->to = open_memstream(&r->text, &r->bytes);
    crew_status status = r->to ? read_lines(r, f, err) : CREW_ENOMEM;
    if (!r->to || fclose(r->to) != 0)
        status = crew_fail(err, CREW_ENOMEM, "%s: no memory to read it", r->input->path);
    fclose(f);
    if (status == CREW_OK && !r->known)
        status = take_document(r, err);
    else if (status == CREW_OK && r->tasks && !r->tasks->n)
        status = crew_fail(err, CREW_EFORMAT, "%s: no task in its %llu lines", r->input->path,
                           (unsigned long long)r->input->lines);
    free(r->text);
    return status;
}

crew_status crew_logs_read(struct crew_logs *all, const char *path, struct crew_error *err)
{
    struct crew_error why = {.status = CREW_OK};
    size_t logs = all->n_logs, tasks = all->n_tasks;
    if (all->n_inputs == CREW_LOG_FILES)
        return crew_fail(err, CREW_EINVAL, "%s: more than %d files", path, CREW_LOG_FILES);
    struct reading r = {.all = all, .input = &all->input[all->n_inputs]};
    if (!(r.input->path = crew_strdup(path)))
        return crew_fail(err, CREW_ENOMEM, "%s: no memory to read it", path);
    all->n_inputs++;
    crew_status status = read_file(&r, &why);
    if (status != CREW_OK)
        give_up(all, r.input, logs, tasks, why.text);
    return status == CREW_OK ? CREW_OK : crew_fail(err, status, "%s", why.text);
}

/* ---- Who belongs to whom ---- */

static size_t stem(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    return dot ? (size_t)(dot - path) : strlen(path);
}

/* "run.tasks.csv" and "run.timeline.json" lie beside "run.jsonl": how much of the name they
 * share, 0: they do not. */
static size_t beside(const char *log, const char *tasks)
{
    size_t n = stem(log);
    return strlen(tasks) > n && !strncmp(log, tasks, n) && tasks[n] == '.' ? n : 0;
}

/* Nothing speaks against their being of the same run. */
static bool fits(const struct crew_log *l, const struct crew_tasks *t)
{
    return !l->single && t->workers <= l->workers && l->n_bins &&
           t->span[(t->n - 1) % CREW_LOG_SPANS].round <= l->bin[l->n_bins - 1].last;
}

/* The only run may have tasks of any name; of several it is the one whose name is nearest. */
static struct crew_log *owner(const struct crew_logs *all, size_t runs,
                              const struct crew_tasks *t)
{
    struct crew_log *found = NULL;
    size_t most = 0;
    for (size_t k = 0; k < runs; k++) {
        size_t n = beside(all->log[k]->path, t->path);
        if (n > most) {
            most = n;
            found = all->log[k];
        }
    }
    return found || runs != 1 || !fits(all->log[0], t) ? found : all->log[0];
}

/* Of several files of its tasks that with most of them. */
static void give(struct crew_log *l, struct crew_tasks *t)
{
    if (!l->single || t->n > l->single->n)
        l->single = t;
}

/* Two of one name, of several folders or endings: both are called by their paths. */
static crew_status tell_apart(struct crew_logs *all, struct crew_error *err)
{
    bool twice[CREW_LOG_FILES] = {false};
    for (size_t i = 0; i < all->n_logs; i++)
        for (size_t k = 0; k < i; k++)
            if (!strcmp(all->log[i]->name, all->log[k]->name))
                twice[i] = twice[k] = true;
    for (size_t i = 0; i < all->n_logs; i++) {
        struct crew_log *l = all->log[i];
        char *name = twice[i] ? crew_strdup(l->path) : NULL;
        if (twice[i] && !name)
            return crew_fail(err, CREW_ENOMEM, "%s: no memory for a name", l->path);
        if (name) {
            crew_free(l->name);
            l->name = name;
        }
    }
    return CREW_OK;
}

crew_status crew_logs_join(struct crew_logs *all, struct crew_error *err)
{
    size_t runs = all->n_logs;
    for (size_t i = 0; i < all->n_tasks; i++) {
        struct crew_log *l = owner(all, runs, all->tasks[i]);
        if (!l)
            TRY(add_log(all, all->tasks[i]->path, 1, &l, err));
        give(l, all->tasks[i]);
    }
    return tell_apart(all, err);
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
