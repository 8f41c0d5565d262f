/* What the tests of failures, tests/fault_*.c, share: a scenario is tried again and again, and
 * each time another call of libc, jansson or hwloc that our code makes fails, until none is
 * left that could. The linker brings these calls here (--wrap, see the Makefile); the library
 * knows nothing of it. The method is that of SQLite's tests. Include testing.h first. */
#ifndef CREW_TESTS_FAULT_H
#define CREW_TESTS_FAULT_H

#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>

enum fault_group {
    FAULT_MEMORY, /* malloc and its like */
    FAULT_JSON,   /* the memory that jansson takes for us */
    FAULT_FILES,  /* open, read, write, fsync, rename, close, mkdir ... */
    FAULT_SYSTEM, /* threads, binding, hwloc, sockets */
    FAULT_GROUPS
};

struct fault_scenario {
    const char *name;
    /* Not watched: everything as it is before each try. NULL: nothing to do. */
    void (*before)(void);
    /* What is watched. Whatever it takes it gives back. */
    crew_status (*run)(struct crew_error *err);
    /* Not watched: is what was there unharmed and, after CREW_OK, nothing missing in the
     * result? Who tolerates a failure owes a whole one. `failed`: the call that failed, ""
     * after a try without. NULL: nothing to see. */
    bool (*after)(crew_status status, const char *failed);
    /* jansson 2.14 does not notice when the buffer of the token it reads does not grow: it
     * loses a character, and may run over the end. Nobody can help that from outside, so those
     * calls do not fail. */
    bool reads_json;
};

/* The n-th call fails, for each n; then it and all later ones, for each n or, past 300, each
 * fourth. After every failure: a status that says so or a whole result, the sentence of why,
 * nothing lost of memory, descriptors, threads and hwloc's objects, and tries without a failure
 * succeed. FAULT_SHOW=1 prints who called what failed and was tolerated. */
void fault_try(const struct fault_scenario *s);
/* The same in some of the groups, bits 1u << FAULT_MEMORY ..., and of their calls each step-th
 * one: for what is tried call by call elsewhere. */
void fault_try_some(const struct fault_scenario *s, unsigned groups, unsigned step);

/* A file of the tests, whole; the caller's to free(). NULL: there is none. */
char *fault_read_file(const char *path, size_t *bytes);
void fault_write_file(const char *path, const void *data, size_t bytes);
bool fault_same_file(const char *a, const char *b);

/* A folder that goes away at the end, with all that is in it; setup and teardown of a group.
 * fault_path() is valid for eight calls. */
int fault_enter(void **state);
int fault_leave(void **state);
const char *fault_path(const char *name);
void fault_remove(const char *path);  /* a file, or a folder with all that is in it */
size_t fault_files(const char *path); /* how many there are in a folder, hidden ones too */

#endif
