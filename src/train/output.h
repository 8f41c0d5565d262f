/* Files that appear whole or not at all. */
#ifndef CREW_TRAIN_OUTPUT_H
#define CREW_TRAIN_OUTPUT_H

#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>

/* Some bytes of a file to be. */
struct crew_piece {
    const void *data;
    size_t bytes;
};

/* Write the pieces to a temporary file in the same folder, fsync, rename to path, fsync the
 * folder. CREW_EOUTPUT; an existing file is kept then, and when replace is false. */
CREW_CHECKED crew_status crew_output_write(const char *path, bool replace,
                                           const struct crew_piece *piece, size_t n,
                                           struct crew_error *err);

#endif
