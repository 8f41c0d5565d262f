/* The bytes of one input: a plain or gzip file, or standard input, whole in memory; or a plain
 * file mapped. */
#ifndef CREW_DATA_SOURCE_H
#define CREW_DATA_SOURCE_H

#include "data/map.h"
#include <stdint.h>

struct crew_source {
    const char *path; /* borrowed, for messages: "-" is shown as "standard input" */
    char *data;       /* [size], then one 0 byte, so that text can be scanned without a bound */
    size_t size;
    struct crew_map
        map; /* data is that: no 0 byte, not to be written to. Zeroed: it is memory */
};

/* Read `path` ("-": standard input) and unpack it when it starts with the gzip magic, whatever
 * its name. Refuses to hold more than max_bytes. Peak memory: packed plus unpacked bytes, each
 * up to twice where their number is not known before. */
CREW_CHECKED crew_status crew_source_open(const char *path, uint64_t max_bytes,
                                          struct crew_source *out, struct crew_error *err);
/* Map `path`, which is for readers of binary files alone. CREW_EINPUT. */
CREW_CHECKED crew_status crew_source_map(const char *path, struct crew_source *out,
                                         struct crew_error *err);
void crew_source_close(struct crew_source *s);

#endif
