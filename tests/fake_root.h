/* A folder that stands for the root of a file system, with files such as /proc and /sys have.
 */
#ifndef CREW_TESTS_FAKE_ROOT_H
#define CREW_TESTS_FAKE_ROOT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A fresh root for each case; *state is its path. */
static inline int make_root(void **state)
{
    char *root = strdup("/tmp/crew-root-XXXXXX");
    *state = root;
    return root && mkdtemp(root) ? 0 : -1;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline int remove_root(void **state)
{
    int failed = nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return failed;
}

/* Write a file below the root, with the folders above it. */
static inline void put(void **state, const char *name, const char *text)
{
    char path[512];
    int len = snprintf(path, sizeof path, "%s%s", (const char *)*state, name);
    assert_in_range(len, 1, sizeof path - 1);
    for (char *s = path + strlen(*state) + 1; (s = strchr(s, '/')); s++) {
        *s = '\0';
        mkdir(path, 0700);
        *s = '/';
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

#endif
