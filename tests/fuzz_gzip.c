/* Files, plain and packed: what is read is packed and read again; cut or damaged it is refused;
 * and memory depends on the limit, never on what a packed file claims to hold. */
#include "data/source.h"
#include "fuzz.h"
#include <stdlib.h>
#include <zlib.h>

enum { MOST = 1 << 16 };

static bool opens(const void *data, size_t n, struct crew_source *s)
{
    struct crew_error err = {0};
    bool ok = fuzz_accepted(crew_source_open(fuzz_file(data, n), MOST, s, &err), &err);
    FUZZ_CHECK(ok ? s->size >= 1 && s->size <= MOST && s->data[s->size] == '\0' : !s->data);
    return ok;
}

static size_t pack(const void *data, size_t n, uint8_t *out, size_t cap)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .next_out = out, .avail_in = (uInt)n};
    z.avail_out = (uInt)cap;
    FUZZ_CHECK(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 1, Z_DEFAULT_STRATEGY) == Z_OK);
    FUZZ_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return cap - z.avail_out;
}

static void refused(const void *data, size_t n)
{
    struct crew_source s;
    FUZZ_CHECK(!opens(data, n, &s));
}

static void holds(const void *data, size_t n, const struct crew_source *s, size_t times)
{
    struct crew_source again;
    FUZZ_CHECK(opens(data, n, &again) && again.size == times * s->size);
    for (size_t i = 0; i < times; i++)
        FUZZ_CHECK(memcmp(again.data + i * s->size, s->data, s->size) == 0);
    crew_source_close(&again);
}

static bool run(const uint8_t *data, size_t n)
{
    struct crew_source s;
    if (!opens(data, n, &s))
        return false;
    bool packed = n >= 2 && data[0] == 0x1f && data[1] == 0x8b;
    FUZZ_CHECK(packed || (s.size == n && memcmp(s.data, data, n) == 0));
    size_t cap = s.size + s.size / 100 + 200;
    uint8_t *z = malloc(2 * cap);
    FUZZ_CHECK(z);
    size_t bytes = pack(s.data, s.size, z, cap);
    holds(z, bytes, &s, 1);
    refused(z, bytes - 1 - n % 8);
    z[bytes - 1 - n % 8] ^= 0x10; /* in the checksum or the length */
    refused(z, bytes);
    z[bytes - 1 - n % 8] ^= 0x10;
    memcpy(z + bytes, z, bytes);
    if (2 * s.size <= MOST)
        holds(z, 2 * bytes, &s, 2);
    else
        refused(z, 2 * bytes);
    free(z);
    crew_source_close(&s);
    return true;
}

/* The packed bytes and the unpacked ones, at most MOST, in buffers that start at 64 KiB and
 * double; zlib's window, and its larger memory for packing; the content once more, packed. */
const struct fuzz_target fuzz_target = {
    .name = "gzip", .run = run, .bytes_each = 4, .bytes_more = 5 * MOST + (320 << 10)};
