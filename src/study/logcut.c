#include "study/logcut.h"
#include "base/error.h"
#include "base/input.h"
#include "base/json.h"
#include "base/text.h"
#include "study/facts.h"
#include <stdlib.h>
#include <string.h>

/* Most bytes of a line, and of memory for one as JSON. */
enum { MOST_LINE = 1 << 26, MOST_VALUES = 1 << 28 };

/* What one line says about the file. */
enum verdict { KEEP, CUT, FOREIGN, STARVED };

struct cutting {
    uint64_t round;
    const char *header; /* of a CSV */
    const json_t *mine; /* configuration, of JSON lines */
    bool first;
};

/* Do the lines before the end of a file belong to it? Only whole ones do: the last may be half
 * of one. */
static crew_status read_lines(const char *path,
                              enum verdict (*judge)(const struct cutting *c, const char *line,
                                                    size_t n, bool whole),
                              struct cutting *c, struct crew_log_cut *out,
                              struct crew_error *err)
{
    struct crew_lines lines = {.path = path, .most = MOST_LINE};
    uint64_t size;
    enum verdict v = KEEP;
    *out = (struct crew_log_cut){.ours = false};
    TRY(crew_input_open_sized(path, &lines.file, &size, err));
    crew_status status = CREW_OK;
    for (c->first = true; v == KEEP; c->first = false) {
        char *line;
        size_t n;
        status = crew_lines_next(&lines, &line, &n, err);
        if (status != CREW_OK || !line)
            break;
        bool whole = out->bytes + n < size;
        v = judge(c, line, n, whole);
        if (v == KEEP) /* no half line is */
            out->bytes += n + 1;
    }
    if (v == STARVED) /* cutting would take what is good */
        status = crew_fail(err, CREW_ENOMEM, "%s: no memory for line %llu", path,
                           (unsigned long long)lines.number);
    out->ours = status == CREW_OK && v != FOREIGN;
    crew_lines_free(&lines);
    fclose(lines.file);
    return status;
}

/* ---- JSON lines ---- */

static const char START[] = "{\"event\":\"start\"", ROUND[] = "{\"event\":\"round\",\"round\":";

/* Of another run's log, nothing may be cut off. */
static bool same_run(const json_t *theirs, const json_t *mine)
{
    static const char *const names[] = {"data",        "model",     "seed",
                                        "batch-tasks", "task-rows", "optimizer"};
    bool same = true;
    for (size_t i = 0; i < sizeof names / sizeof *names && same; i++) {
        const json_t *a = json_object_get(theirs, names[i]),
                     *b = json_object_get(mine, names[i]);
        same = a && b ? json_equal(a, b) : a == b;
    }
    return same;
}

static enum verdict judge_event(const struct cutting *c, const json_t *o)
{
    const char *event = json_string_value(json_object_get(o, "event"));
    const json_t *round = json_object_get(o, "round");
    if (c->first)
        return event && !strcmp(event, "start") &&
                       same_run(json_object_get(o, "config"), c->mine)
                   ? KEEP
                   : FOREIGN;
    if (!event || !strcmp(event, "end"))
        return CUT;
    if (!strcmp(event, "start")) /* several runs in one file */
        return FOREIGN;
    return json_is_integer(round) && (uint64_t)json_integer_value(round) > c->round ? CUT
                                                                                    : KEEP;
}

static enum verdict judge_line(const struct cutting *c, const char *line, size_t n, bool whole)
{
    if (!whole) /* a beginning of ours is enough, if there is nothing else */
        return c->first &&
                       strncmp(line, START, n < sizeof START - 1 ? n : sizeof START - 1) != 0
                   ? FOREIGN
                   : CUT;
    if (!c->first && n > sizeof ROUND && !strncmp(line, ROUND, sizeof ROUND - 1)) /* most are */
        return line[n - 1] != '}' || strtoull(line + sizeof ROUND - 1, NULL, 10) > c->round
                   ? CUT
                   : KEEP;
    json_t *o = NULL;
    json_error_t why;
    if (crew_json_bytes(line, n) <= MOST_VALUES &&
        crew_json_parse(line, n, 0, &o, &why) == CREW_ENOMEM)
        return STARVED;
    enum verdict v = judge_event(c, o);
    json_decref(o);
    return v;
}

crew_status crew_log_cut_rounds(const char *path, const struct crew_settings *set,
                                size_t n_sets, uint64_t round, struct crew_log_cut *out,
                                struct crew_error *err)
{
    json_t *mine = crew_settings_as_json(set, n_sets);
    struct cutting c = {.round = round, .mine = mine};
    *out = (struct crew_log_cut){.ours = false};
    if (!mine)
        return crew_fail(err, CREW_ENOMEM, "no memory for the settings of this run");
    crew_status status = read_lines(path, judge_line, &c, out, err);
    json_decref(mine);
    return status;
}

/* ---- CSV ---- */

static enum verdict judge_task(const struct cutting *c, const char *line, size_t n, bool whole)
{
    const char *comma = memchr(line, ',', n);
    uint64_t round;
    size_t all = strlen(c->header);
    if (c->first)
        return n > all || strncmp(line, c->header, n) != 0 || (whole && n < all) ? FOREIGN
               : whole                                                           ? KEEP
                                                                                 : CUT;
    return whole && comma && crew_text_u64(line, (size_t)(comma - line), &round) &&
                   round <= c->round
               ? KEEP
               : CUT;
}

crew_status crew_log_cut_tasks(const char *path, const char *header, uint64_t round,
                               struct crew_log_cut *out, struct crew_error *err)
{
    struct cutting c = {.round = round, .header = header};
    return read_lines(path, judge_task, &c, out, err);
}
