/* {"crew_profile": 1, "task": {"model": "mlp:64", "rows": 16, "features": 64, "classes": 10,
 *  "parameters": 4810, "blas": "Zen"}, "machine": "...",
 *  "slots": [{"cpu": 0, "count": 720, "mean_s": 0.001, "variance_s2": 1e-9}, ...]}
 *
 * Reading believes nothing: what is missing, of another type, out of range or unknown is
 * refused. What is not known is null. */
#include "train/profile.h"
#include "base/error.h"
#include "base/input.h"
#include "base/json.h"
#include "base/mem.h"
#include "train/output.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, MAX_SLOTS = 10000000, MAX_ROWS = 1 << 20 };
static const json_int_t MAX_COUNT = INT64_C(1) << 53; /* counts become doubles */

/* ---- The machine as a text ---- */

static const char *plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

char *crew_profile_machine(const crew_machine *machine)
{
    const struct crew_machine_info *m = crew_machine_info(machine);
    const char *model = m->cpu_model ? m->cpu_model : "";
    size_t bytes = 160 + strlen(model), used;
    for (uint32_t i = 0; i < m->n_kinds; i++)
        bytes += strlen(m->kinds[i].name) + 16;
    char *text = crew_alloc(bytes);
    if (!text)
        return NULL;
    used = (size_t)snprintf(
        text, bytes, "%s%s%u core%s, %u processing unit%s, %u package%s, %u node%s", model,
        *model ? ", " : "", m->cores, plural(m->cores), m->pus, plural(m->pus), m->packages,
        plural(m->packages), m->numa_nodes, plural(m->numa_nodes));
    for (uint32_t i = 0; i < m->n_kinds; i++)
        used += (size_t)snprintf(text + used, bytes - used, ", %u %s", m->kinds[i].pus,
                                 m->kinds[i].name);
    return text;
}

/* ---- Reading ---- */

static crew_status malformed(struct crew_error *err, const char *path, const char *what)
{
    return crew_fail(err, CREW_EFORMAT, "%s: not a profile: %s", path, what);
}

static crew_status no_memory(struct crew_error *err, const char *path)
{
    return crew_fail(err, CREW_ENOMEM, "%s: no memory for the profile", path);
}

/* A text or null; false: neither, or no memory. */
static bool text_or_null(const json_t *from, char **out)
{
    *out = crew_strdup(json_string_value(from));
    return json_is_null(from) || *out;
}

/* Files of before they were kept have none of the three. */
static const char *read_size(json_t *const value[3], struct crew_profile *p)
{
    static const json_int_t most[3] = {UINT32_MAX, UINT32_MAX, MAX_COUNT};
    json_int_t v[3];
    if (!value[0] && !value[1] && !value[2])
        return NULL;
    for (int i = 0; i < 3; i++) {
        v[i] = json_integer_value(value[i]); /* 0 of what is no integer, and of NULL */
        if (v[i] < 1 || v[i] > most[i])
            return "features, classes and parameters are whole numbers from 1, all or none";
    }
    p->features = (uint32_t)v[0];
    p->classes = (uint32_t)v[1];
    p->parameters = (uint64_t)v[2];
    return NULL;
}

static crew_status read_task(json_t *task, const char *path, struct crew_profile *p,
                             struct crew_error *err)
{
    const char *model;
    json_int_t rows;
    json_t *blas, *size[3] = {NULL, NULL, NULL};
    json_error_t why;
    if (json_is_null(task))
        return CREW_OK;
    if (json_unpack_ex(task, &why, JSON_STRICT, "{s:s, s:I, s?o, s?o, s?o, s:o}", "model",
                       &model, "rows", &rows, "features", &size[0], "classes", &size[1],
                       "parameters", &size[2], "blas", &blas) != 0)
        return crew_fail(err, CREW_EFORMAT, "%s: not a profile: task: %s", path, why.text);
    if (rows < 1 || rows > MAX_ROWS)
        return crew_fail(err, CREW_EFORMAT,
                         "%s: not a profile: rows is %" JSON_INTEGER_FORMAT ", must be 1..%d",
                         path, rows, MAX_ROWS);
    const char *wrong = read_size(size, p);
    if (wrong)
        return malformed(err, path, wrong);
    p->rows = (uint32_t)rows;
    if (!(p->model = crew_strdup(model)))
        return no_memory(err, path);
    if (!text_or_null(blas, &p->blas))
        return malformed(err, path, "blas is neither text nor null");
    return CREW_OK;
}

/* A finite number or null, which is NaN. */
static bool number_or_null(const json_t *from, double *out)
{
    *out = json_is_null(from) ? (double)NAN : json_number_value(from);
    return json_is_null(from) || (json_is_number(from) && isfinite(*out));
}

/* What is wrong with a slot, or NULL. */
static const char *read_slot(json_t *from, struct crew_profile_slot *s, json_error_t *why)
{
    json_t *cpu, *mean, *variance;
    json_int_t count;
    if (json_unpack_ex(from, why, JSON_STRICT, "{s:o, s:I, s:o, s:o}", "cpu", &cpu, "count",
                       &count, "mean_s", &mean, "variance_s2", &variance) != 0)
        return why->text;
    s->cpu = json_is_null(cpu) ? -1 : (int64_t)json_integer_value(cpu);
    s->count = (uint64_t)count;
    if (!json_is_null(cpu) && (!json_is_integer(cpu) || s->cpu < 0 || s->cpu > INT32_MAX))
        return "cpu is neither a number from 0 on nor null";
    if (count < 0 || count > MAX_COUNT)
        return "count must be 0..2^53";
    if (!number_or_null(mean, &s->mean_s) || !number_or_null(variance, &s->variance_s2))
        return "mean_s or variance_s2 is neither a number nor null";
    if (count ? !(s->mean_s > 0) : !isnan(s->mean_s))
        return "mean_s must be above 0, and null where count is 0";
    if (count > 1 ? !(isnan(s->variance_s2) || s->variance_s2 >= 0) : !isnan(s->variance_s2))
        return "variance_s2 must not be below 0, and null where count is below 2";
    return NULL;
}

static crew_status read_slots(const json_t *slots, const char *path, struct crew_profile *p,
                              struct crew_error *err)
{
    json_error_t why;
    size_t n = json_array_size(slots);
    if (!json_is_array(slots) || !n || n > MAX_SLOTS)
        return crew_fail(err, CREW_EFORMAT, "%s: not a profile: slots is no list of 1..%d",
                         path, MAX_SLOTS);
    p->n = (uint32_t)n;
    if (!(p->slot = crew_alloc(n * sizeof *p->slot)))
        return no_memory(err, path);
    for (size_t i = 0; i < n; i++) {
        const char *wrong = read_slot(json_array_get(slots, i), &p->slot[i], &why);
        if (wrong)
            return crew_fail(err, CREW_EFORMAT, "%s: not a profile: slot %zu (from 0): %s",
                             path, i, wrong);
    }
    return CREW_OK;
}

static crew_status read_root(json_t *root, const char *path, struct crew_profile *p,
                             struct crew_error *err)
{
    const json_t *version = json_object_get(root, "crew_profile");
    json_t *task, *machine, *slots;
    json_int_t ignored;
    json_error_t why;
    if (!json_is_integer(version))
        return malformed(err, path, "\"crew_profile\" is not a version");
    if (json_integer_value(version) != VERSION)
        return crew_fail(err, CREW_EFORMAT,
                         "%s: a profile of version %" JSON_INTEGER_FORMAT
                         ", this program reads %d",
                         path, json_integer_value(version), VERSION);
    if (json_unpack_ex(root, &why, JSON_STRICT, "{s:I, s:o, s:o, s:o}", "crew_profile",
                       &ignored, "task", &task, "machine", &machine, "slots", &slots) != 0)
        return malformed(err, path, why.text);
    TRY(read_task(task, path, p, err));
    if (!text_or_null(machine, &p->machine))
        return malformed(err, path, "machine is neither text nor null");
    return read_slots(slots, path, p, err);
}

/* The text of a file or a pipe, whose size nobody knows, and how much memory is left for it. */
struct source {
    FILE *file;
    double left; /* bytes; 64 MiB, then half of what is free */
    bool asked, too_long;
};

static size_t read_some(void *out, size_t room, void *user)
{
    struct source *s = user;
    size_t n = fread(out, 1, room, s->file);
    s->left -= crew_json_bytes(out, n);
    if (s->left < 0 && !s->asked) {
        s->asked = true;
        s->left += (double)crew_machine_free_bytes() / 2;
    }
    s->too_long = s->left < 0;
    return s->too_long || (!n && ferror(s->file)) ? (size_t)-1 : n;
}

crew_status crew_profile_read(const char *path, struct crew_profile *out,
                              struct crew_error *err)
{
    json_error_t why;
    struct source from = {.left = 1 << 26};
    memset(out, 0, sizeof *out);
    TRY(crew_input_open(path, &from.file, err));
    errno = 0;
    json_t *root = json_load_callback(read_some, &from, JSON_REJECT_DUPLICATES, &why);
    int broken = ferror(from.file) ? errno : 0;
    fclose(from.file);
    crew_status status = CREW_OK;
    if (broken)
        status = crew_fail(err, CREW_EINPUT, "%s: %s", path, strerror(broken));
    else if (from.too_long || (!root && !why.text[0]))
        status = no_memory(err, path);
    else if (!root)
        status = crew_fail(err, CREW_EFORMAT, "%s: not a profile: line %d: %s", path, why.line,
                           why.text);
    else
        status = read_root(root, path, out, err);
    json_decref(root);
    if (status != CREW_OK)
        crew_profile_free(out);
    return status;
}

/* ---- Writing ---- */

static json_t *real_or_null(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *slots_as_json(const struct crew_profile *p)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < p->n; i++) {
        const struct crew_profile_slot *s = &p->slot[i];
        double mean = s->count ? s->mean_s : (double)NAN;
        double variance = s->count > 1 ? s->variance_s2 : (double)NAN;
        json_t *cpu = s->cpu < 0 ? json_null() : json_integer((json_int_t)s->cpu);
        json_t *slot =
            json_pack("{s:o, s:I, s:o, s:o}", "cpu", cpu, "count", (json_int_t)s->count,
                      "mean_s", real_or_null(mean), "variance_s2", real_or_null(variance));
        json_array_append_new(list, slot);
    }
    return list;
}

static json_t *task_as_json(const struct crew_profile *p)
{
    if (!p->model)
        return json_null();
    if (!p->features)
        return json_pack("{s:s, s:i, s:s?}", "model", p->model, "rows", (int)p->rows, "blas",
                         p->blas);
    return json_pack("{s:s, s:i, s:I, s:I, s:I, s:s?}", "model", p->model, "rows", (int)p->rows,
                     "features", (json_int_t)p->features, "classes", (json_int_t)p->classes,
                     "parameters", (json_int_t)p->parameters, "blas", p->blas);
}

crew_status crew_profile_write(const struct crew_profile *p, const char *path, bool replace,
                               struct crew_error *err)
{
    json_t *root = json_pack("{s:i, s:o, s:s?, s:o}", "crew_profile", VERSION, "task",
                             task_as_json(p), "machine", p->machine, "slots", slots_as_json(p));
    char *text =
        crew_json_dump(root, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17));
    bool whole = text && json_array_size(json_object_get(root, "slots")) == p->n;
    json_decref(root);
    crew_status status = no_memory(NULL, path);
    if (whole) {
        const struct crew_piece piece[] = {{text, strlen(text)}, {"\n", 1}};
        status = crew_output_write(path, replace, piece, 2, err);
    } else {
        (void)no_memory(err, path);
    }
    free(text);
    return status;
}

void crew_profile_free(struct crew_profile *p)
{
    crew_free(p->model);
    crew_free(p->blas);
    crew_free(p->machine);
    crew_free(p->slot);
    memset(p, 0, sizeof *p);
}
