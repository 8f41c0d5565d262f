/** @file status.h
 * What every call of the library returns, and where it says why. */
#ifndef CREW_STATUS_H
#define CREW_STATUS_H

#if defined(__GNUC__)
#define CREW_API __attribute__((visibility("default")))
#define CREW_CHECKED __attribute__((warn_unused_result))
#define CREW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CREW_API
#define CREW_CHECKED
#define CREW_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** The one list of statuses: X(name, value, what it means). 0 is success, failures are negative,
 *  a value is never reused. The enum, the texts and their test are made from it. */
#define CREW_STATUSES(X)                                                                           \
    X(OK, 0, "success")                                                                            \
    X(EINVAL, -1, "a value is out of range or a name is unknown")                                  \
    X(ENOMEM, -2, "not enough memory")                                                             \
    X(EINPUT, -3, "an input file cannot be read")                                                  \
    X(EFORMAT, -4, "a file is not in the format it claims")                                        \
    X(EOUTPUT, -5, "an output cannot be written")                                                  \
    X(EBIND, -6, "a thread cannot be bound to its core")                                           \
    X(EBLAS, -7, "the BLAS library fails its self-test")                                           \
    X(ENONFINITE, -8, "a loss or gradient is not finite")                                          \
    X(ETHREAD, -9, "a thread cannot be started")                                                   \
    X(ESTOPPED, -10, "stopped on request")                                                         \
    X(ESTATE, -11, "the object cannot do this in its present state")                               \
    X(ETIMEOUT, -12, "a task has not returned in time")

/** Result of a call. Compare with CREW_OK; a negative value is a failure. */
typedef enum crew_status {
#define X(name, value, text) CREW_##name = (value),
    CREW_STATUSES(X)
#undef X
} crew_status;

/** Why a call failed, as one sentence without a full stop: "batch_tasks is 0, must be 1..65536".
 *  Plain data of the caller's; filled only on failure. 512 bytes: a path and a sentence fit. */
struct crew_error {
    crew_status status; /**< the status the call returned */
    char text[512];     /**< always terminated; names file, line, field or value */
};

/** The meaning of a status as a constant string; never NULL, "unknown status" for foreign values.
 *  Any thread. */
CREW_API const char *crew_status_text(crew_status status);

#ifdef __cplusplus
}
#endif
#endif
