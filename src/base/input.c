#include "base/input.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Why a file of that mode is not read, or NULL. */
static const char *refusal(const struct stat *st, int fd, bool sized)
{
    if (S_ISDIR(st->st_mode))
        return strerror(EISDIR);
    if (sized && !S_ISREG(st->st_mode))
        return "it is not a regular file";
    bool device = S_ISBLK(st->st_mode) || (S_ISCHR(st->st_mode) && !isatty(fd));
    return device ? "it is a device" : NULL;
}

static crew_status open_input(const char *path, bool sized, FILE **out, struct stat *st,
                              struct crew_error *err)
{
    /* Without O_NONBLOCK the opening of a pipe waits for whoever writes into it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | (sized ? O_NONBLOCK : 0));
    const char *why = fd < 0 || fstat(fd, st) ? strerror(errno) : refusal(st, fd, sized);
    *out = why ? NULL : fdopen(fd, "rb");
    if (*out)
        return CREW_OK;
    why = why ? why : strerror(errno);
    if (fd >= 0)
        close(fd);
    return crew_fail(err, CREW_EINPUT, "cannot open %s: %s", path[0] ? path : "''", why);
}

crew_status crew_input_open(const char *path, FILE **out, struct crew_error *err)
{
    struct stat st;
    return open_input(path, false, out, &st, err);
}

crew_status crew_input_open_sized(const char *path, FILE **out, uint64_t *bytes,
                                  struct crew_error *err)
{
    struct stat st = {.st_size = 0};
    crew_status status = open_input(path, true, out, &st, err);
    *bytes = status == CREW_OK ? (uint64_t)st.st_size : 0;
    return status;
}

/* ---- Lines ---- */

enum { FIRST_ROOM = 1 << 14 };

/* Room for more behind what is in the buffer, which moves to its front. */
static crew_status make_room(struct crew_lines *l, struct crew_error *err)
{
    size_t held = l->end - l->begin;
    if (held)
        memmove(l->buffer, l->buffer + l->begin, held);
    l->begin = 0;
    l->end = held;
    if (l->room > held + 1)
        return CREW_OK;
    if (held > l->most)
        return crew_fail(err, CREW_EFORMAT, "%s, line %llu: longer than %zu bytes", l->path,
                         (unsigned long long)l->number, l->most);
    size_t room = l->room ? 2 * l->room : FIRST_ROOM;
    char *buffer = realloc(l->buffer, room);
    if (!buffer)
        return crew_fail(err, CREW_ENOMEM, "no memory for line %llu of %s",
                         (unsigned long long)l->number, l->path);
    l->buffer = buffer;
    l->room = room;
    return CREW_OK;
}

/* The line of n bytes that stands at the front, `taken` with its end. */
static crew_status give(struct crew_lines *l, size_t n, size_t taken, char **line, size_t *out,
                        struct crew_error *err)
{
    if (n > l->most)
        return crew_fail(err, CREW_EFORMAT, "%s, line %llu: longer than %zu bytes", l->path,
                         (unsigned long long)l->number, l->most);
    *line = l->buffer + l->begin;
    (*line)[n] = '\0';
    *out = n;
    l->begin += taken;
    return CREW_OK;
}

crew_status crew_lines_next(struct crew_lines *l, char **line, size_t *n,
                            struct crew_error *err)
{
    size_t seen = 0; /* of the buffer, without a line's end */
    *line = NULL;
    *n = 0;
    l->number++;
    for (;;) {
        size_t held = l->end - l->begin;
        char *end = held > seen ? memchr(l->buffer + l->begin + seen, '\n', held - seen) : NULL;
        if (end) {
            size_t length = (size_t)(end - (l->buffer + l->begin));
            return give(l, length, length + 1, line, n, err);
        }
        seen = held;
        TRY(make_room(l, err));
        size_t got = fread(l->buffer + l->end, 1, l->room - 1 - l->end, l->file);
        l->end += got;
        if (got)
            continue;
        if (ferror(l->file))
            return crew_fail(err, CREW_EINPUT, "cannot read %s: %s", l->path, strerror(errno));
        return held ? give(l, held, held, line, n, err) : CREW_OK;
    }
}

void crew_lines_free(struct crew_lines *l)
{
    free(l->buffer);
    l->buffer = NULL;
}

/* ---- JSON ---- */

/* Costs by malloc's own, of 64-bit jansson 2.14 and earlier: an object with its first buckets,
 * an array with its first places, a value and its place in an array that was just doubled, a
 * member with its share of the buckets. Texts take their bytes, twice while they are read. */
double crew_json_bytes(const char *text, size_t n)
{
    enum { OBJECT = 256, ARRAY = 144, VALUE = 104, MEMBER = 160, BYTE = 3 };
    size_t objects = 0, arrays = 0, values = 0, members = 0;
    for (size_t i = 0; i < n; i++) {
        objects += text[i] == '{';
        arrays += text[i] == '[';
        values += text[i] == ',';
        members += text[i] == ':';
    }
    return OBJECT * (double)objects + ARRAY * (double)arrays + MEMBER * (double)members +
           VALUE * (double)(values + arrays + objects) + BYTE * (double)n;
}
