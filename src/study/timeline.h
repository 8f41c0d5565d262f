/* What a run did when, as Chrome trace events (chrome://tracing, Perfetto). The last rounds are
 * kept in memory that is taken once, and written when the run has ended. */
#ifndef CREW_STUDY_TIMELINE_H
#define CREW_STUDY_TIMELINE_H

#include <crew/crew.h>

typedef struct crew_timeline crew_timeline;

/* Of `rounds` rounds, or as many as fit: 2^17, of 2^19 tasks and 2^22 quotas, with 2^14
 * decisions of the policy. CREW_ENOMEM. */
CREW_CHECKED crew_status crew_timeline_create(uint64_t rounds, uint32_t workers,
                                              crew_timeline **out, struct crew_error *err);
/* Keep a round; the oldest ones make room for it. */
void crew_timeline_round(crew_timeline *t, const struct crew_record *r);
/* Rounds that are kept, and that there were. */
uint64_t crew_timeline_kept(const crew_timeline *t);
uint64_t crew_timeline_seen(const crew_timeline *t);
/* Write what is kept, the whole file or nothing. trainer names the workers; NULL: numbers do.
 * title is that of the run. CREW_EOUTPUT, CREW_ENOMEM. */
CREW_CHECKED crew_status crew_timeline_write(const crew_timeline *t, const char *path,
                                             bool replace, crew_trainer *trainer,
                                             const char *title, struct crew_error *err);
void crew_timeline_destroy(crew_timeline *t); /* NULL is fine */

#endif
