/* How failures travel: a status upwards, a sentence where the cause is known. */
#ifndef CREW_BASE_ERROR_H
#define CREW_BASE_ERROR_H

#include <crew/status.h>
#include <stddef.h>

/* Return early where nothing needs undoing. */
#define TRY(call)                         \
    do {                                  \
        crew_status try_status_ = (call); \
        if (try_status_ != CREW_OK)       \
            return try_status_;           \
    } while (0)

/* Fill err (may be NULL) and return status, so that a failure is one line: return
 * crew_fail(...). */
crew_status crew_fail(struct crew_error *err, crew_status status, const char *fmt, ...)
    CREW_PRINTF(3, 4);

/* CREW_EINVAL: the name at the start of NAME[:SETTINGS] is none of names[0..n). Suggests the
 * nearest. */
crew_status crew_fail_unknown(struct crew_error *err, const char *kind, const char *spec,
                              const char *const *names, size_t n);

#endif
