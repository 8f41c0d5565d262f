/* A recording is read line by line into rows, sorted by (worker, round, line), and then never
 * changes; each worker has a cursor. */
#include "exec/replay.h"
#include "base/error.h"
#include "base/input.h"
#include "base/mem.h"
#include "base/text.h"
#include <crew/machine.h>
#include <crew/policy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    uint64_t key; /* worker << 32 | round */
    double seconds, work;
    uint32_t order, flags;
};

struct crew_replay {
    struct row *row; /* [n_rows] */
    size_t n_rows, room;
    uint32_t workers;
    size_t *first; /* [workers + 1] worker i's rows start at first[i] */
    size_t *next;  /* [workers] */
    double *mean;  /* [workers] */
};

enum column { ROUND, WORKER, TASK, KEPT, SECONDS, WORK, NEEDED, FLAGS = NEEDED, COLUMNS };

static const char *const column_name[COLUMNS] = {"round",   "worker", "task", "kept",
                                                 "seconds", "work",   "flags"};

/* A part of a line. */
struct field {
    const char *text;
    size_t n;
};

enum { MOST_LINE = 1 << 20 }; /* bytes */

/* Reading one file. */
struct reader {
    const char *path;
    struct crew_lines lines;
    int column[COLUMNS]; /* where each stands, from 0; -1: nowhere */
    int columns;
    struct field field[COLUMNS]; /* of the line at hand */
    uint32_t workers;            /* highest number so far, and 1 */
    struct crew_replay *out;
    struct crew_error *err;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct field trim(const char *text, size_t n)
{
    for (; n && is_blank(text[n - 1]); n--)
        ;
    for (; n && is_blank(*text); text++, n--)
        ;
    return (struct field){text, n};
}

/* The next field of a line that ends at `end`; false: there is none. */
static bool next_field(const char **at, const char *end, struct field *out)
{
    if (!*at)
        return false;
    const char *comma = memchr(*at, ',', (size_t)(end - *at)), *stop = comma ? comma : end;
    *out = trim(*at, (size_t)(stop - *at));
    *at = comma ? comma + 1 : NULL;
    return true;
}

/* Next line that is not blank, without its end; *text is NULL at the end of the file. */
static crew_status next_line(struct reader *r, const char **text, const char **end)
{
    for (*text = NULL;;) {
        char *line;
        size_t n;
        TRY(crew_lines_next(&r->lines, &line, &n, r->err));
        if (!line)
            return CREW_OK;
        struct field f = trim(line, n);
        if (r->lines.number == 1 && f.n >= 3 && memcmp(f.text, "\xef\xbb\xbf", 3) == 0)
            f = trim(f.text + 3, f.n - 3); /* the mark that some editors put before UTF-8 */
        if (!f.n)
            continue;
        *text = f.text;
        *end = f.text + f.n;
        return CREW_OK;
    }
}

/* ---- Header ---- */

static crew_status read_header(struct reader *r)
{
    const char *text, *end;
    struct field f;
    for (int k = 0; k < COLUMNS; k++)
        r->column[k] = -1;
    TRY(next_line(r, &text, &end));
    if (!text)
        return crew_fail(r->err, CREW_EFORMAT, "%s is empty", r->path);
    while (next_field(&text, end, &f)) {
        for (int k = 0; k < COLUMNS; k++) {
            if (f.n != strlen(column_name[k]) || memcmp(f.text, column_name[k], f.n) != 0)
                continue;
            if (r->column[k] >= 0)
                return crew_fail(r->err, CREW_EFORMAT,
                                 "%s, line %llu: the column %s is there twice", r->path,
                                 (unsigned long long)r->lines.number, column_name[k]);
            r->column[k] = r->columns;
        }
        r->columns++;
    }
    for (int k = 0; k < NEEDED; k++)
        if (r->column[k] < 0)
            return crew_fail(r->err, CREW_EFORMAT, "%s, line %llu: the header has no column %s",
                             r->path, (unsigned long long)r->lines.number, column_name[k]);
    return CREW_OK;
}

/* ---- Rows ---- */

static crew_status bad_field(struct reader *r, enum column k, const char *must)
{
    char shown[41];
    struct field f = r->field[k];
    size_t n = f.n < sizeof shown ? f.n : sizeof shown - 1;
    for (size_t i = 0; i < n; i++)
        shown[i] = f.text[i] < ' ' || f.text[i] > '~' ? '?' : f.text[i];
    shown[n] = '\0';
    return crew_fail(r->err, CREW_EFORMAT, "%s, line %llu: %s is '%s', must be %s", r->path,
                     (unsigned long long)r->lines.number, column_name[k], shown, must);
}

static crew_status whole(struct reader *r, enum column k, uint64_t below, uint64_t *out)
{
    char must[64];
    if (crew_text_u64(r->field[k].text, r->field[k].n, out) && *out < below)
        return CREW_OK;
    snprintf(must, sizeof must, "a whole number below %llu", (unsigned long long)below);
    return bad_field(r, k, must);
}

/* Whole numbers are read quickly: work is 1 more often than not. */
static bool real(struct field f, double *out)
{
    uint64_t number;
    if (f.n <= 15 && crew_text_u64(f.text, f.n, &number)) {
        *out = (double)number;
        return true;
    }
    return crew_text_real(f.text, f.n, out);
}

static crew_status split_row(struct reader *r, const char *text, const char *end)
{
    int columns = 0;
    struct field f;
    for (; next_field(&text, end, &f); columns++) {
        for (int k = 0; k < COLUMNS; k++)
            if (r->column[k] == columns)
                r->field[k] = f;
    }
    if (columns != r->columns)
        return crew_fail(r->err, CREW_EFORMAT, "%s, line %llu: %d columns, the header has %d",
                         r->path, (unsigned long long)r->lines.number, columns, r->columns);
    return CREW_OK;
}

/* A pipe may have no end: no more than fits beside what is there, and beside itself when it is
 * sorted. */
static bool room_fits(size_t room)
{
    return room <= 1 << 16 ||
           (room <= UINT32_MAX && room * sizeof(struct row) <= crew_machine_free_bytes() / 2);
}

static crew_status keep_row(struct reader *r, const struct row *row)
{
    struct crew_replay *out = r->out;
    if (out->n_rows == out->room) {
        size_t room = out->room ? 2 * out->room : 64;
        struct row *more = room_fits(room) ? crew_alloc(room * sizeof *more) : NULL;
        if (!more)
            return crew_fail(r->err, CREW_ENOMEM, "no memory for the times of %s", r->path);
        if (out->n_rows)
            memcpy(more, out->row, out->n_rows * sizeof *more);
        crew_free(out->row);
        out->row = more;
        out->room = room;
    }
    out->row[out->n_rows++] = *row;
    return CREW_OK;
}

/* A dropped task only tells that its worker exists. */
static crew_status read_row(struct reader *r, const char *text, const char *end)
{
    uint64_t round, worker, task, kept, flags = 0;
    struct row row = {.order = (uint32_t)r->out->n_rows};
    TRY(split_row(r, text, end));
    TRY(whole(r, ROUND, UINT64_C(1) << 32, &round));
    TRY(whole(r, WORKER, CREW_REPLAY_MOST_WORKERS, &worker));
    TRY(whole(r, TASK, UINT64_C(1) << 32, &task));
    TRY(whole(r, KEPT, 2, &kept));
    r->workers = worker >= r->workers ? (uint32_t)worker + 1 : r->workers;
    if (!kept)
        return CREW_OK;
    if (r->column[FLAGS] >= 0)
        TRY(whole(r, FLAGS, UINT64_C(1) << 32, &flags));
    if (!real(r->field[SECONDS], &row.seconds) || row.seconds < 1e-12 || row.seconds > 1e12)
        return bad_field(r, SECONDS, "a number from 1e-12 to 1e12");
    if (!real(r->field[WORK], &row.work) || row.work <= 0 || row.work > 1e6)
        return bad_field(r, WORK, "a number above 0 and at most 1e6");
    if (row.seconds / row.work > 1e15)
        return bad_field(r, WORK, "more for so many seconds");
    row.key = worker << 32 | round;
    row.flags = (uint32_t)flags;
    return keep_row(r, &row);
}

/* ---- Sequences ---- */

static int by_worker_and_round(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static double mean_of(const struct row *row, size_t n, bool warm)
{
    double seconds = 0, work = 0;
    for (size_t j = 0; j < n; j++)
        if (warm || !(row[j].flags & CREW_WARM_UP)) {
            seconds += row[j].seconds;
            work += row[j].work;
        }
    return work > 0 ? seconds / work : mean_of(row, n, true);
}

/* Has every worker a row? They are sorted. */
static crew_status check_workers(struct reader *r)
{
    uint32_t next = 0; /* worker that has none yet */
    for (size_t j = 0; j < r->out->n_rows && r->out->row[j].key >> 32 <= next; j++)
        next += r->out->row[j].key >> 32 == next;
    if (next == r->workers)
        return CREW_OK;
    return crew_fail(r->err, CREW_EFORMAT,
                     "%s has workers 0..%u, but no kept task of worker %u", r->path,
                     r->workers - 1, next);
}

static crew_status make_sequences(struct reader *r)
{
    struct crew_replay *out = r->out;
    if (!out->n_rows)
        return crew_fail(r->err, CREW_EFORMAT, "%s has no kept task", r->path);
    qsort(out->row, out->n_rows, sizeof *out->row, by_worker_and_round);
    TRY(check_workers(r)); /* before memory is taken for what a number claims */
    out->workers = r->workers;
    out->first = crew_zalloc(((size_t)r->workers + 1) * sizeof *out->first);
    out->next = crew_alloc(r->workers * sizeof *out->next);
    out->mean = crew_alloc(r->workers * sizeof *out->mean);
    if (!out->first || !out->next || !out->mean)
        return crew_fail(r->err, CREW_ENOMEM, "no memory for the %u workers of %s", r->workers,
                         r->path);
    for (size_t j = 0; j < out->n_rows; j++)
        out->first[(out->row[j].key >> 32) + 1]++;
    for (uint32_t i = 0; i < r->workers; i++) {
        size_t n = out->first[i + 1];
        out->first[i + 1] += out->first[i];
        out->mean[i] = mean_of(&out->row[out->first[i]], n, false);
    }
    crew_replay_rewind(out);
    return CREW_OK;
}

/* ---- Interface ---- */

static crew_status read_all(struct reader *r)
{
    const char *text, *end;
    TRY(read_header(r));
    for (;;) {
        TRY(next_line(r, &text, &end));
        if (!text)
            return make_sequences(r);
        TRY(read_row(r, text, end));
    }
}

crew_status crew_replay_read(const char *path, struct crew_replay **out, struct crew_error *err)
{
    *out = NULL;
    struct reader r = {.path = path,
                       .lines = {.path = path, .most = MOST_LINE},
                       .err = err,
                       .out = crew_zalloc(sizeof *r.out)};
    if (!r.out)
        return crew_fail(err, CREW_ENOMEM, "no memory to read %s", path);
    crew_status status = crew_input_open(path, &r.lines.file, err);
    if (status == CREW_OK) {
        status = read_all(&r);
        fclose(r.lines.file);
    }
    crew_lines_free(&r.lines);
    if (status == CREW_OK)
        *out = r.out;
    else
        crew_replay_destroy(r.out);
    return status;
}

void crew_replay_destroy(struct crew_replay *r)
{
    if (!r)
        return;
    crew_free(r->row);
    crew_free(r->first);
    crew_free(r->next);
    crew_free(r->mean);
    crew_free(r);
}

uint32_t crew_replay_workers(const struct crew_replay *r)
{
    return r->workers;
}

double crew_replay_mean(const struct crew_replay *r, uint32_t worker)
{
    return r->mean[worker];
}

double crew_replay_next(struct crew_replay *r, uint32_t worker, double work, bool wrap,
                        uint32_t *flags)
{
    if (r->next[worker] == r->first[worker + 1]) {
        if (!wrap)
            return -1;
        r->next[worker] = r->first[worker];
    }
    const struct row *row = &r->row[r->next[worker]++];
    *flags = row->flags;
    if (work == row->work)
        return row->seconds;
    double seconds = row->seconds / row->work * work;
    return seconds > 1e-12 ? seconds : 1e-12; /* never 0, whatever underflows */
}

void crew_replay_undo(struct crew_replay *r, uint32_t worker)
{
    if (r->next[worker] == r->first[worker]) /* it has started again */
        r->next[worker] = r->first[worker + 1];
    r->next[worker]--;
}

void crew_replay_rewind(struct crew_replay *r)
{
    memcpy(r->next, r->first, r->workers * sizeof *r->next);
}

size_t crew_replay_position(const struct crew_replay *r, uint32_t worker)
{
    return r->next[worker] - r->first[worker];
}

bool crew_replay_seek(struct crew_replay *r, uint32_t worker, size_t position)
{
    if (position > r->first[worker + 1] - r->first[worker])
        return false;
    r->next[worker] = r->first[worker] + position;
    return true;
}
