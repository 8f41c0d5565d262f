/* Files that a stranger may have written: what is opened at all, and lines and JSON of bounded
 * size. */
#ifndef CREW_BASE_INPUT_H
#define CREW_BASE_INPUT_H

#include <crew/status.h>
#include <stdint.h>
#include <stdio.h>

/* Open to read. Files, pipes and terminals: a folder is refused, and a device, which may have
 * no end. CREW_EINPUT. The caller's to fclose(). */
CREW_CHECKED crew_status crew_input_open(const char *path, FILE **out, struct crew_error *err);

/* The same, of a file whose size is known: no pipe either, and none is waited for. */
CREW_CHECKED crew_status crew_input_open_sized(const char *path, FILE **out, uint64_t *bytes,
                                               struct crew_error *err);

/* A file line by line. Zeroed but for path, file and most. */
struct crew_lines {
    const char *path; /* for messages */
    FILE *file;       /* the caller's */
    size_t most;      /* bytes of a line, its end not counted: what is longer is refused */
    uint64_t number;  /* of the line at hand, from 1 */
    char *buffer;
    size_t begin, end, room; /* not yet given out: buffer [begin, end) */
};

/* The next line, of *n bytes without its end, then one 0 byte; valid until the next call, and
 * may be changed. *line is NULL at the end of the file. Memory: at most twice `most`, and no
 * more than four times the longest line or 64 KiB. CREW_EINPUT: cannot be read; CREW_EFORMAT:
 * too long; CREW_ENOMEM. */
CREW_CHECKED crew_status crew_lines_next(struct crew_lines *l, char **line, size_t *n,
                                         struct crew_error *err);
void crew_lines_free(struct crew_lines *l);

/* Most bytes of memory that this JSON text can become as jansson's values: "{}," takes eighty
 * for one. Punctuation inside strings is counted, too. Of pieces of a text the sum. */
double crew_json_bytes(const char *text, size_t n);

#endif
