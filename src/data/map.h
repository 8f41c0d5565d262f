/* A file that is read where it stands: mapped, so that the system keeps of it what fits and
 * drops the rest, and nothing is copied. The only user of mmap() for files. */
#ifndef CREW_DATA_MAP_H
#define CREW_DATA_MAP_H

#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>

/* Zeroed: none. Read-only; any thread. Who shortens the file meanwhile brings SIGBUS about for
 * whoever reads what is gone; who changes it changes what is read. */
struct crew_map {
    char *base; /* [bytes], no 0 follows */
    size_t bytes, page;
};

/* Map a regular file of at least one byte, to be read from its beginning to its end.
 * CREW_EINPUT: there is none, or it cannot be mapped; CREW_EFORMAT: it is empty. */
CREW_CHECKED crew_status crew_map_open(const char *path, struct crew_map *out,
                                       struct crew_error *err);
void crew_map_close(struct crew_map *map);

/* From now on rows are read in random order: a page that is missing brings none of its
 * neighbours along. */
void crew_map_shuffled(const struct crew_map *map);
/* These bytes, which are in it, are read next: if they are not in memory, their reading begins,
 * and is not waited for. */
void crew_map_expect(const struct crew_map *map, const void *at, size_t bytes);

#endif
