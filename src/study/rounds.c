#include "study/rounds.h"
#include "base/error.h"
#include "base/mem.h"
#include "study/pairs.h"
#include <math.h>
#include <stdlib.h>

crew_status crew_rounds_init(struct crew_rounds *r, struct crew_error *err)
{
    r->entry = crew_zalloc(CREW_ROUNDS_ENTRIES * sizeof *r->entry);
    crew_rounds_clear(r);
    return r->entry ? CREW_OK
                    : crew_fail(err, CREW_ENOMEM, "no memory for the rounds of a run");
}

void crew_rounds_clear(struct crew_rounds *r)
{
    *r = (struct crew_rounds){.entry = r->entry, .each = 1};
}

void crew_rounds_free(struct crew_rounds *r)
{
    crew_free(r->entry);
}

/* All of r's entries from..to as one. */
static struct crew_rounds_entry merge(const struct crew_rounds *r, size_t from, size_t to)
{
    struct crew_rounds_entry all = r->entry[to - 1];
    all.loss = 0;
    for (size_t i = from; i < to; i++)
        all.loss += r->entry[i].loss / (double)(to - from);
    return all;
}

static void halve(struct crew_rounds *r)
{
    r->n /= 2;
    for (size_t i = 0; i < r->n; i++) {
        double round_s = r->entry[2 * i + crew_lot(&r->lot, 2)].round_s;
        r->entry[i] = merge(r, 2 * i, 2 * i + 2);
        r->entry[i].round_s = round_s;
    }
    r->each *= 2;
}

void crew_rounds_add(struct crew_rounds *r, const struct crew_record *record)
{
    struct crew_rounds_entry *e = &r->under_way;
    e->seconds += record->seconds;
    for (uint32_t i = 0; i < record->n; i++)
        e->worker_s += record->busy_s[i];
    e->loss += record->loss;
    if (!crew_lot(&r->lot, r->seen % r->each + 1)) /* each of them with the same chance */
        e->round_s = record->seconds;
    if (++r->seen % r->each)
        return;
    if (r->n == CREW_ROUNDS_ENTRIES)
        halve(r);
    if (r->seen % r->each) /* the entry has just become longer */
        return;
    r->entry[r->n] = *e;
    r->entry[r->n++].loss /= (double)r->each;
    e->loss = 0;
}

double crew_rounds_quantile(const struct crew_rounds *r, double share, double *scratch)
{
    for (size_t i = 0; i < r->n; i++)
        scratch[i] = r->entry[i].round_s;
    if (!r->n)
        return (double)NAN;
    qsort(scratch, r->n, sizeof *scratch, crew_ascending);
    return crew_quantile(scratch, r->n, share);
}

size_t crew_rounds_curve(const struct crew_rounds *r, struct crew_rounds_entry *out,
                         size_t most)
{
    size_t n = r->n < most ? r->n : most;
    for (size_t i = 0; i < n; i++)
        out[i] = merge(r, i * r->n / n, (i + 1) * r->n / n);
    return n;
}
