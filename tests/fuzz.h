/* What the fuzz targets, tests/fuzz_*.c, share. A target is a function of some bytes that a
 * stranger may have written: it hands them to a reader and checks what the reader promises.
 *
 *   build/release/tests/fuzz_csv              seeds and mutations of them, in any build
 * (driver.c) build/release/tests/fuzz_csv FILE...      these inputs only, as libFuzzer takes
 * them too make fuzz FUZZ_S=60                       libFuzzer, from the same seeds
 *
 * Seeds are tests/corpus/NAME/: whole and damaged ones, and each input that once found a
 * mistake. What holds for every target is checked by fuzzing.c: memory is bounded and given
 * back. */
#ifndef CREW_TESTS_FUZZ_H
#define CREW_TESTS_FUZZ_H

#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct fuzz_target {
    const char *name; /* of the folder of seeds */
    /* Was the input accepted by any reader? Whatever it takes, it frees. */
    bool (*run)(const uint8_t *data, size_t n);
    /* Most bytes on the heap at a time: so many for each byte of the input, and some more. */
    size_t bytes_each, bytes_more;
    size_t longest; /* input, 0: any */
    bool threads;   /* others take and give back memory, too: it is not counted */
    uint32_t slow;  /* times slower than others, 0: no slower: as many mutations fewer */
};

/* Each target defines it. */
extern const struct fuzz_target fuzz_target;

/* The promise is broken: print the sentence, keep the input, end with abort(). */
void fuzz_fail(const char *fmt, ...) CREW_PRINTF(1, 2) __attribute__((noreturn));
#define FUZZ_CHECK(holds) \
    ((holds) ? (void)0 : fuzz_fail("%s:%d: does not hold: %s", __FILE__, __LINE__, #holds))

/* What a caller may rely on after a failure: one line of text without control characters, and
 * the status that was returned. Returns whether there was none. */
bool fuzz_accepted(crew_status status, const struct crew_error *err);
/* The same, with that many line breaks. */
bool fuzz_accepted_lines(crew_status status, const struct crew_error *err, int breaks);

/* A file in memory with these bytes. Its path, until the next call. */
const char *fuzz_file(const void *data, size_t n);
/* The path of a file `name` in a folder that goes away at the end. Valid for four calls. */
const char *fuzz_path(const char *name);

/* The bytes as text, ending at the first 0. The caller's to free(). */
char *fuzz_text(const uint8_t *data, size_t n);

/* Most bytes that this input has had on the heap so far; 0: they cannot be counted here. */
size_t fuzz_heap(void);
/* Most of the heap that any input took, as a multiple of what it may take. */
double fuzz_peak(void);

/* One input: the target's function, between the checks of the heap. */
bool fuzz_run(const uint8_t *data, size_t n);
/* libFuzzer's entry: the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#endif
