/* One model file in a folder of its own, for the tests that write, damage and read it;
 * enter() and leave() are the group's setup and teardown. */
#ifndef CREW_TESTS_MODEL_FILE_H
#define CREW_TESTS_MODEL_FILE_H

#include "testing.h"
#include <crew/status.h>
#include <unistd.h>

static char folder[] = "/tmp/crew-test-XXXXXX", path[64];
static struct crew_error err;

static int enter(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails when anything else was left behind */
}

static void put(const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

static uint8_t *get(size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *bytes = (size_t)ftell(f);
    uint8_t *all = malloc(*bytes);
    rewind(f);
    assert_int_equal(fread(all, 1, *bytes, f), *bytes);
    fclose(f);
    return all;
}

#endif
