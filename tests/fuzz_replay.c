/* Recordings: the times that one gives out make a recording that gives out the same. */
#include "exec/replay.h"
#include "fuzz.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Every time of every worker, as rows of one round each. Full tasks, so that each says itself
 * what it takes. */
static char *write_again(struct crew_replay *r, size_t *n)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, n);
    FUZZ_CHECK(to);
    fputs("flags,work,kept,round,task,worker,seconds\n", to);
    for (uint32_t w = 0; w < crew_replay_workers(r); w++) {
        double mean = crew_replay_mean(r, w), seconds;
        uint32_t flags, round = 0;
        FUZZ_CHECK(isfinite(mean) && mean > 0);
        while ((seconds = crew_replay_next(r, w, 1, false, &flags)) >= 0) {
            FUZZ_CHECK(seconds >= 1e-12 && seconds <= 1e15);
            if (seconds > 1e12) /* of a small part of a task: not what a row may say */
                seconds = 1e12;
            fprintf(to, "%u,1,1,%u,0,%u,%.17g\r\n", flags, ++round, w, seconds);
        }
        FUZZ_CHECK(round > 0);
    }
    FUZZ_CHECK(fclose(to) == 0);
    return text;
}

static void same(struct crew_replay *a, struct crew_replay *b)
{
    FUZZ_CHECK(crew_replay_workers(a) == crew_replay_workers(b));
    crew_replay_rewind(a);
    for (uint32_t w = 0; w < crew_replay_workers(a); w++)
        for (double x = 0; x >= 0;) {
            uint32_t f = 0, g = 0;
            x = crew_replay_next(a, w, 1, false, &f);
            double y = crew_replay_next(b, w, 1, false, &g);
            FUZZ_CHECK(f == g && (x > 1e12 ? y == 1e12 : x == y));
        }
}

static bool run(const uint8_t *data, size_t n)
{
    struct crew_replay *r, *again;
    struct crew_error err = {0};
    if (!fuzz_accepted(crew_replay_read(fuzz_file(data, n), &r, &err), &err))
        return false;
    size_t bytes;
    char *text = write_again(r, &bytes);
    if (!fuzz_accepted(crew_replay_read(fuzz_file(text, bytes), &again, &err), &err))
        fuzz_fail("%s", err.text);
    same(r, again);
    free(text);
    crew_replay_destroy(r);
    crew_replay_destroy(again);
    return true;
}

/* A row of 12 bytes is 40 in memory, as much again where it grows; all of it twice here, and
 * the text. */
const struct fuzz_target fuzz_target = {
    .name = "replay", .run = run, .bytes_each = 40, .bytes_more = 65536};
