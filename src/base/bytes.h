/* Little- and big-endian numbers in byte buffers, for every file format. */
#ifndef CREW_BASE_BYTES_H
#define CREW_BASE_BYTES_H

#include <stdint.h>

static inline uint32_t crew_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint32_t crew_le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline uint64_t crew_le64(const uint8_t *p)
{
    return (uint64_t)crew_le32(p + 4) << 32 | crew_le32(p);
}

static inline void crew_put_le32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static inline void crew_put_le64(uint8_t *p, uint64_t v)
{
    crew_put_le32(p, (uint32_t)v);
    crew_put_le32(p + 4, (uint32_t)(v >> 32));
}

/* FNV-1a, 64 bits: start from CREW_HASH_INIT. For fingerprints, not against forgery. */
#define CREW_HASH_INIT 0xcbf29ce484222325u
static inline uint64_t crew_hash(uint64_t h, const void *data, unsigned long bytes)
{
    const uint8_t *p = (const uint8_t *)data;
    for (unsigned long i = 0; i < bytes; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

#endif
