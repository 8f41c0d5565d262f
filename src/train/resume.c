/* Which checkpoint a run goes on from. */
#include "base/error.h"
#include "base/mem.h"
#include "train/checkpoint.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static bool names_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static crew_status resume_file(crew_trainer *t, const struct crew_snapshot *s, const char *path,
                               struct crew_error *err)
{
    TRY(crew_snapshot_restore(t, s, path, err));
    crew_trainer_add_note(t, "goes on from %s", path);
    t->resumed = true;
    return CREW_OK;
}

static crew_status resume_round(crew_trainer *t, const struct crew_snapshot *s,
                                const char *folder, uint64_t round, struct crew_error *err)
{
    char *path = crew_folder_file(folder, round);
    if (!path)
        return crew_fail(err, CREW_ENOMEM, "no memory for a name in %s", folder);
    crew_status status = crew_snapshot_restore(t, s, path, err);
    if (status == CREW_OK && t->round != round) /* renamed: it would hide newer ones */
        status = crew_fail(err, CREW_EFORMAT, "%s: it is of round %llu", path,
                           (unsigned long long)t->round);
    if (status == CREW_OK)
        crew_trainer_add_note(t, "goes on from %s", path);
    t->resumed = status == CREW_OK;
    crew_free(path);
    return status;
}

/* What cannot be read now, for want of descriptors or permission, may be whole: to go on from
 * an older one would lose what was saved. A folder in its place, or nothing any more, is no
 * file. */
static bool is_file(const char *folder, uint64_t round)
{
    struct stat st;
    char *path = crew_folder_file(folder, round);
    bool there = !path || (stat(path, &st) == 0 ? S_ISREG(st.st_mode) : errno != ENOENT);
    crew_free(path);
    return there;
}

/* The newest whole one of round [n], n > 0; those that are damaged are named. */
static crew_status resume_newest(crew_trainer *t, const struct crew_snapshot *s,
                                 const char *folder, const uint64_t *round, size_t n,
                                 struct crew_error *err)
{
    enum { NAMED = 8 };
    struct crew_error why, first = {.status = CREW_OK};
    for (size_t i = 0; i < n; i++) {
        crew_status status = resume_round(t, s, folder, round[i], &why);
        if (status == CREW_OK)
            return CREW_OK;
        first = i ? first : why;
        if (status != CREW_EFORMAT && !(status == CREW_EINPUT && !is_file(folder, round[i])))
            return crew_fail(err, status, "%s", why.text);
        if (i < NAMED)
            crew_trainer_add_note(t, "%s", why.text);
        else if (i == NAMED)
            crew_trainer_add_note(t, "%s: and others before it", folder);
    }
    return n == 1
               ? crew_fail(err, CREW_EFORMAT, "%s", first.text)
               : crew_fail(err, CREW_EFORMAT,
                           "none of %zu checkpoints is valid; the newest: %s", n, first.text);
}

static crew_status resume_folder(crew_trainer *t, const struct crew_snapshot *s,
                                 const char *folder, bool may_be_empty, struct crew_error *err)
{
    uint64_t *round;
    size_t n;
    TRY(crew_folder_list(folder, &round, &n, err));
    crew_status status =
        n              ? resume_newest(t, s, folder, round, n, err)
        : may_be_empty ? CREW_OK
                       : crew_fail(err, CREW_EINPUT, "%s: no checkpoint is there", folder);
    crew_free(round);
    return status;
}

/* Writing beside checkpoints of later rounds would leave it open which of them are this run's.
 */
static crew_status check_none_later(const crew_trainer *t, struct crew_error *err)
{
    uint64_t *round, newest = 0;
    size_t n;
    TRY(crew_folder_list(t->cfg.checkpoint, &round, &n, err));
    newest = n ? round[0] : 0;
    crew_free(round);
    if (!n || newest <= t->round)
        return CREW_OK;
    return crew_fail(err, CREW_EOUTPUT,
                     "checkpoint %s holds one of round %llu already, this run is at %llu: name "
                     "another folder",
                     t->cfg.checkpoint, (unsigned long long)newest,
                     (unsigned long long)t->round);
}

static crew_status resume_as_asked(crew_trainer *t, const struct crew_snapshot *s,
                                   struct crew_error *err)
{
    const char *from = t->cfg.resume, *folder = t->cfg.checkpoint;
    uint64_t *round;
    size_t n = 0;
    if (!strcmp(from, "auto"))
        return folder ? resume_folder(t, s, folder, true, err) : CREW_OK;
    if (!strcmp(from, "none")) {
        if (folder) {
            TRY(crew_folder_list(folder, &round, &n, err));
            crew_free(round);
        }
        return !n ? CREW_OK
                  : crew_fail(
                        err, CREW_EOUTPUT,
                        "checkpoint %s holds checkpoints already: resume auto goes on from "
                        "them, a new run needs another folder",
                        folder);
    }
    if (names_folder(from))
        TRY(resume_folder(t, s, from, false, err));
    else
        TRY(resume_file(t, s, from, err));
    return folder && !same_file(from, folder) ? check_none_later(t, err) : CREW_OK;
}

static void say_what_is_left(crew_trainer *t)
{
    bool late = t->cfg.time_limit_s > 0 && t->spent_s >= t->cfg.time_limit_s;
    if (t->resumed && (late || (!t->unmeasured && crew_trainer_finished(t))))
        crew_trainer_add_note(
            t,
            "NOTHING IS LEFT TO TRAIN: the checkpoint is of round %llu, epoch %llu, after "
            "%.6g s, and so much was asked for; a larger limit goes on",
            (unsigned long long)t->round, (unsigned long long)t->epochs, t->spent_s);
}

crew_status crew_resume(crew_trainer *t, const struct crew_snapshot *s, struct crew_error *err)
{
    TRY(resume_as_asked(t, s, err));
    t->goes_on = t->resumed;
    t->resumed_round = t->round;
    say_what_is_left(t);
    return CREW_OK;
}
