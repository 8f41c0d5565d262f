/* Recorded task times, the CSV of `crew train --log-tasks`, given out again one after the
 * other. */
#ifndef CREW_EXEC_REPLAY_H
#define CREW_EXEC_REPLAY_H

#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crew_replay;

enum { CREW_REPLAY_MOST_WORKERS = 1000000 };

/* Read a file with a header line that names columns, in any order: round, worker, task, kept,
 * seconds, work; flags may be missing; others do not matter. Dropped tasks are left out: of
 * them only a lower limit is known. A worker's times are sorted by round, and within a round as
 * in the file. Every worker up to the highest number must have one.
 * CREW_EINPUT: cannot be read; CREW_EFORMAT: file, line, what is wrong; CREW_ENOMEM. */
CREW_CHECKED crew_status crew_replay_read(const char *path, struct crew_replay **out,
                                          struct crew_error *err);
void crew_replay_destroy(struct crew_replay *r); /* NULL is fine */

uint32_t crew_replay_workers(const struct crew_replay *r);
/* Seconds of a full task, over all its times, without warm-up unless there is nothing else. */
double crew_replay_mean(const struct crew_replay *r, uint32_t worker);

/* The worker's next time, for that much work: of as much as was recorded, exactly the recorded
 * seconds. Negative: there is none left. wrap: then it starts again. */
double crew_replay_next(struct crew_replay *r, uint32_t worker, double work, bool wrap,
                        uint32_t *flags);
/* Of a worker that was given a time: its latest one is its next again. */
void crew_replay_undo(struct crew_replay *r, uint32_t worker);
void crew_replay_rewind(struct crew_replay *r);
/* Which of its times a worker is given next; seek(): false: it has not so many. */
size_t crew_replay_position(const struct crew_replay *r, uint32_t worker);
bool crew_replay_seek(struct crew_replay *r, uint32_t worker, size_t position);

#endif
