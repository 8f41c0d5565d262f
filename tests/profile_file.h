/* For the tests of profiles: a file of that name, in a folder that goes away afterwards. */
#ifndef CREW_TESTS_PROFILE_FILE_H
#define CREW_TESTS_PROFILE_FILE_H

#include "trainer_rig.h"
#include <unistd.h>

/* What a profile of this task, machine and slots reads like; ONE: of one slot, for any task. */
#define PROFILE(TASK_, MACHINE, SLOTS) \
    "{\"crew_profile\":1,\"task\":" TASK_ ",\"machine\":" MACHINE ",\"slots\":" SLOTS "}"
#define ONE(SLOT_) PROFILE("null", "null", "[" SLOT_ "]")

static char folder[] = "/tmp/crew_profile_XXXXXX", path[64];

static inline int open_folder(void **state)
{
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/profile", folder);
    return rig_open(state);
}

static inline int close_folder(void **state)
{
    unlink(path);
    rmdir(folder);
    return rig_close(state);
}

static inline void put(const char *text, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

#endif
