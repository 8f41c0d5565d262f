/* The only user of zlib. Format: RFC 1952; a file may hold several members, and their contents
 * are then one after the other, as in gzip(1). */
#include "data/source.h"
#include "base/error.h"
#include "base/input.h"
#include "base/mem.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

/* A buffer that grows. Invariant: size < cap, so that the closing 0 byte always has a place. */
struct buffer {
    char *data;
    size_t size, cap;
    size_t max;  /* most bytes it may hold: one more than allowed, and that one tells */
    size_t hint; /* expected size; 0: unknown */
};

/* Make room for at least one byte more. CREW_EFORMAT at the limit: the caller knows what to
 * say. */
static crew_status buffer_grow(struct buffer *b)
{
    if (b->size + 1 < b->cap)
        return CREW_OK;
    if (b->size >= b->max)
        return CREW_EFORMAT;
    size_t cap = b->cap ? b->cap * 2 : b->hint > 1 << 16 ? b->hint + 2 : 1 << 16;
    if (cap - 1 > b->max)
        cap = b->max + 1;
    char *data = realloc(b->data, cap); /* large blocks move without a copy beside them */
    if (!data)
        return CREW_ENOMEM;
    b->data = data;
    b->cap = cap;
    return CREW_OK;
}

static crew_status cannot_grow(crew_status status, const char *path, size_t max,
                               struct crew_error *err)
{
    if (status == CREW_ENOMEM)
        return crew_fail(err, status, "not enough memory to read %s", path);
    return crew_fail(err, status, "%s holds more than %zu bytes (max-input-bytes)", path,
                     max - 1);
}

static crew_status read_stream(FILE *in, const char *path, struct buffer *b,
                               struct crew_error *err)
{
    for (;;) {
        crew_status status = buffer_grow(b);
        if (status != CREW_OK)
            return cannot_grow(status, path, b->max, err);
        size_t n = fread(b->data + b->size, 1, b->cap - 1 - b->size, in);
        b->size += n;
        if (ferror(in))
            return crew_fail(err, CREW_EINPUT, "cannot read %s: %s", path, strerror(errno));
        if (n == 0)
            return CREW_OK;
    }
}

static crew_status read_file(const char *path, const char *shown, struct buffer *b,
                             struct crew_error *err)
{
    if (strcmp(path, "-") == 0)
        return read_stream(stdin, shown, b, err);
    FILE *in;
    TRY(crew_input_open(path, &in, err));
    struct stat st;
    b->hint = fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode) ? (size_t)st.st_size : 0;
    crew_status status = b->hint >= b->max ? cannot_grow(CREW_EFORMAT, shown, b->max, err)
                                           : read_stream(in, shown, b, err);
    fclose(in); /* was only read from: nothing can be lost */
    return status;
}

/* Unpack one member; *taken is moved past it. */
static crew_status inflate_member(z_stream *z, const struct buffer *packed, size_t *taken,
                                  const char *path, struct buffer *out, struct crew_error *err)
{
    int rc = Z_OK;
    while (rc != Z_STREAM_END) {
        crew_status status = buffer_grow(out);
        if (status != CREW_OK)
            return cannot_grow(status, path, out->max, err);
        /* zlib counts in 32 bits: hand over large inputs and outputs piece by piece. */
        size_t in = packed->size - *taken, room = out->cap - 1 - out->size;
        uInt in_now = in > 1 << 30 ? 1 << 30 : (uInt)in;
        uInt room_now = room > 1 << 30 ? 1 << 30 : (uInt)room;
        z->next_in = (Bytef *)packed->data + *taken;
        z->avail_in = in_now;
        z->next_out = (Bytef *)out->data + out->size;
        z->avail_out = room_now;
        rc = inflate(z, Z_NO_FLUSH);
        *taken += in_now - z->avail_in;
        out->size += room_now - z->avail_out;
        if (rc == Z_MEM_ERROR)
            return crew_fail(err, CREW_ENOMEM, "not enough memory to unpack %s", path);
        if (rc == Z_BUF_ERROR) /* there is room, so what it lacks is input */
            return crew_fail(err, CREW_EFORMAT,
                             "%s is truncated: its gzip data ends at byte %zu", path,
                             packed->size);
        if (rc != Z_OK && rc != Z_STREAM_END)
            return crew_fail(err, CREW_EFORMAT, "%s has damaged gzip data before byte %zu",
                             path, *taken);
    }
    return CREW_OK;
}

static crew_status unpack(const struct buffer *packed, const char *path, struct buffer *out,
                          struct crew_error *err)
{
    z_stream z = {0};
    if (inflateInit2(&z, 15 + 16) != Z_OK) /* largest window, gzip header required */
        return crew_fail(err, CREW_ENOMEM, "not enough memory to unpack %s", path);
    size_t taken = 0;
    crew_status status = CREW_OK;
    while (status == CREW_OK && taken < packed->size) {
        if (packed->data[taken] ==
            0) { /* tapes and block devices pad with zeros, gzip(1) skips them */
            taken++;
            continue;
        }
        (void)inflateReset(&z); /* fails on an uninitialised stream only */
        status = inflate_member(&z, packed, &taken, path, out, err);
    }
    inflateEnd(&z);
    return status;
}

crew_status crew_source_open(const char *path, uint64_t max_bytes, struct crew_source *out,
                             struct crew_error *err)
{
    const char *shown = strcmp(path, "-") == 0 ? "standard input" : path;
    size_t max = (max_bytes < SIZE_MAX / 4 ? (size_t)max_bytes : SIZE_MAX / 4) + 1;
    struct buffer raw = {.max = max}, plain = {.max = max};
    *out = (struct crew_source){.path = shown};
    crew_status status = read_file(path, shown, &raw, err);
    if (status != CREW_OK)
        goto done;
    if (raw.size >= 2 && memcmp(raw.data, "\x1f\x8b", 2) == 0) {
        status = unpack(&raw, shown, &plain, err);
        if (status != CREW_OK)
            goto done;
    } else {
        plain = raw;
        raw.data = NULL;
    }
    if (plain.size == plain.max) {
        status = cannot_grow(CREW_EFORMAT, shown, plain.max, err);
        goto done;
    }
    if (plain.size == 0) {
        status = crew_fail(err, CREW_EFORMAT, "%s is empty", shown);
        goto done;
    }
    plain.data[plain.size] = '\0';
    out->data = plain.data;
    out->size = plain.size;
    plain.data = NULL;
done:
    crew_free(raw.data);
    crew_free(plain.data);
    return status;
}

crew_status crew_source_map(const char *path, struct crew_source *out, struct crew_error *err)
{
    *out = (struct crew_source){.path = path};
    TRY(crew_map_open(path, &out->map, err));
    out->data = out->map.base;
    out->size = out->map.bytes;
    return CREW_OK;
}

void crew_source_close(struct crew_source *s)
{
    if (s->map.base)
        crew_map_close(&s->map);
    else
        crew_free(s->data);
    *s = (struct crew_source){0};
}
