#include "data/map.h"
#include "base/error.h"
#include "base/input.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

crew_status crew_map_open(const char *path, struct crew_map *out, struct crew_error *err)
{
    FILE *in;
    uint64_t bytes;
    *out = (struct crew_map){0};
    TRY(crew_input_open_sized(path, &in, &bytes, err));
    errno = EOVERFLOW;
    void *base = bytes <= SIZE_MAX
                     ? mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fileno(in), 0)
                     : MAP_FAILED;
    crew_status status = CREW_OK;
    if (bytes == 0) {
        status = crew_fail(err, CREW_EFORMAT, "%s is empty", path);
    } else if (base == MAP_FAILED) {
        status = crew_fail(err, CREW_EINPUT, "cannot map %s: %s", path, strerror(errno));
    } else {
        *out = (struct crew_map){base, (size_t)bytes, (size_t)sysconf(_SC_PAGESIZE)};
        (void)madvise(base, out->bytes, MADV_SEQUENTIAL); /* advice only */
    }
    fclose(in); /* the mapping stays */
    return status;
}

void crew_map_close(struct crew_map *map)
{
    if (map->base)
        (void)munmap(map->base, map->bytes); /* fails for addresses that are none */
    *map = (struct crew_map){0};
}

void crew_map_shuffled(const struct crew_map *map)
{
    if (map->base)
        (void)madvise(map->base, map->bytes, MADV_RANDOM);
}

void crew_map_expect(const struct crew_map *map, const void *at, size_t bytes)
{
    size_t offset = (size_t)((const char *)at - map->base), before = offset % map->page;
    (void)madvise(map->base + (offset - before), before + bytes, MADV_WILLNEED);
}
