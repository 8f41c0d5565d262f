/* What the files of speed.h share: the laws' table, and what crew_speeds is made of. */
#ifndef CREW_EXEC_SPEED_INTERNAL_H
#define CREW_EXEC_SPEED_INTERNAL_H

#include "exec/replay.h"
#include "exec/speed.h"

/* ---- Laws ---- */

enum crew_argument_kind {
    CREW_ARGUMENT_TIME,         /* above 0 */
    CREW_ARGUMENT_TIME_OR_ZERO, /* at least 0 */
    CREW_ARGUMENT_NUMBER,       /* above 0 */
    CREW_ARGUMENT_ABOVE_ONE     /* a number above 1 */
};

enum { CREW_LAW_ARGUMENTS = 2 };

struct crew_law_form {
    struct crew_entry entry;
    const char *signature; /* "exp(SHIFT,MEAN)" */
    int n_arguments;
    struct {
        const char *name;
        enum crew_argument_kind kind;
        size_t offset; /* of the double in struct crew_law */
    } argument[CREW_LAW_ARGUMENTS];
};

/* By kind; NULL past the end. */
const struct crew_law_form *crew_law_form(size_t kind);

/* Every time above 0, every mean: seconds. A draw outside of it is taken for the limit. */
#define CREW_LEAST_TIME 1e-12
#define CREW_MOST_TIME 1e12
#define CREW_MOST_DRAW 1e15

/* Are the arguments in range, and the mean? Else false, a sentence in why [cap], and in
 * *argument which one it is, from 0, or -1: the law as a whole. Not for a replay. */
bool crew_law_check(const struct crew_law *law, int *argument, char *why, size_t cap);

/* One time of a full task, a function of its arguments; index: round and task. Not of a replay.
 */
double crew_law_draw(const struct crew_law *law, uint64_t seed, uint32_t worker,
                     uint64_t index);

/* ---- crew_speeds ---- */

/* Workers [begin, end) take the laws `first` to `last`, one after the other. */
struct crew_speed_group {
    uint32_t begin, end;
    uint32_t first, last;
    struct crew_replay *replay; /* owned; else NULL */
};

/* A law holds until either is reached. */
struct crew_until {
    double round, s;
};

/* A twist, and what it made of the round that was entered. */
struct crew_twist_state {
    struct crew_twist is;
    uint64_t seed, round; /* round 0: none was */
    double *factor;       /* [n] or NULL */
    bool *here;           /* [n] or NULL */
    uint32_t absent;
};
void crew_twist_destroy(struct crew_twist_state *t); /* NULL is fine */
void crew_twist_rewind(struct crew_twist_state *t, uint32_t n);
double crew_twist_mean(const struct crew_twist_state *t, uint32_t i, double mean_s);
double crew_twist_draw(const struct crew_twist_state *t, uint32_t i,
                       const struct crew_draw *draw, double seconds);

struct crew_speeds {
    uint32_t n;
    bool wrap, vary;
    struct crew_law *law;     /* [n_laws] */
    struct crew_until *until; /* [n_laws]; NULL: no groups, law[i] is worker i's */
    uint32_t n_laws, room_laws;
    struct crew_speed_group *group; /* [n_groups] */
    uint32_t n_groups, room_groups;
    uint32_t
        *block; /* [] the group of worker b << shift: where the search for b's others starts */
    unsigned shift;
    struct crew_twist_state *twist; /* or NULL */
};

/* Used by the parser, in this order: an empty object; for each group its laws, then the
 * group; the index. */
struct crew_speeds *crew_speeds_new(bool wrap);
CREW_CHECKED crew_status crew_speeds_add_law(struct crew_speeds *s, const struct crew_law *law,
                                             struct crew_until until);
/* Of `count` workers, of the last n_laws laws. s owns the replay from here on, also when this
 * fails. */
CREW_CHECKED crew_status crew_speeds_add_group(struct crew_speeds *s, uint32_t count,
                                               uint32_t n_laws, struct crew_replay *replay);
CREW_CHECKED crew_status crew_speeds_index(struct crew_speeds *s);

/* CREW_EINVAL with three lines: the sentence, the part of the text around `at`, a caret. */
crew_status crew_speeds_fail(const char *text, const char *at, struct crew_error *err,
                             const char *fmt, ...) CREW_PRINTF(4, 5);

#endif
