/* For the tests of data readers: a folder of files that goes away afterwards, and the sentence
 * that a bad file must bring about. */
#ifndef CREW_TESTS_DATA_FILES_H
#define CREW_TESTS_DATA_FILES_H

#include "data/table.h"
#include <crew/dataset.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char files_dir[64];

/* Setup and teardown of a test that writes files. */
static inline int files_begin(void **state)
{
    (void)state;
    memcpy(files_dir, "/tmp/crew-test-XXXXXX", 22);
    return mkdtemp(files_dir) ? 0 : -1;
}

static inline int files_end(void **state)
{
    (void)state;
    DIR *dir = opendir(files_dir);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", files_dir, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    if (dir)
        closedir(dir);
    return rmdir(files_dir);
}

/* Write a file into the folder; its path, valid for eight more calls. */
static inline const char *put_bytes(const char *name, const void *bytes, size_t n)
{
    static char ring[8][400];
    static unsigned turn;
    char *path = ring[turn++ % 8];
    snprintf(path, sizeof ring[0], "%s/%s", files_dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

static inline const char *put(const char *name, const char *text)
{
    return put_bytes(name, text, strlen(text));
}

static const struct crew_read_how plain_how = {.max_bytes = 1 << 24};

/* Read a file that must be good. */
static inline struct crew_table read_good(const char *path, const struct crew_read_how *how)
{
    struct crew_table t;
    struct crew_error err = {0};
    if (crew_table_read(path, how ? how : &plain_how, &t, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return t;
}

/* The message must have this in it. */
static inline void assert_says(const struct crew_error *err, const char *part)
{
    if (!strstr(err->text, part))
        fail_msg("\"%s\" does not say \"%s\"", err->text, part);
    assert_null(strchr(err->text, '\n'));
}

/* Read a file that must be refused with this status and these words. */
static inline void read_refused(const char *path, const struct crew_read_how *how,
                                crew_status status, const char *says)
{
    struct crew_table t;
    struct crew_error err = {0};
    if (crew_table_read(path, how ? how : &plain_how, &t, &err) == CREW_OK) {
        crew_table_free(&t);
        fail_msg("should have been refused: %s", says);
    }
    assert_int_equal(err.status, status);
    assert_says(&err, says);
    assert_null(t.x);
    assert_null(t.byte);
}

static inline void read_bad(const char *path, const struct crew_read_how *how, const char *says)
{
    read_refused(path, how, CREW_EFORMAT, says);
}

/* ---- Data that can be opened, or not, and why not ---- */

static inline struct crew_data open_data(const struct crew_data_config *cfg)
{
    struct crew_data data;
    struct crew_error err = {0};
    if (crew_data_open(cfg, &data, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return data;
}

static inline void refuse_data(const struct crew_data_config *cfg, crew_status status,
                               const char *says)
{
    struct crew_data data;
    struct crew_error err = {0};
    if (crew_data_open(cfg, &data, &err) != status)
        fail_msg("%s: %s", says, err.text);
    assert_says(&err, says);
    assert_true(!data.train && !data.validation && !data.test && !data.scaler.offset);
}

#endif
