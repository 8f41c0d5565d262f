/* Numbers in text: parsed whole, in the C locale whatever the caller's is, or not at all. */
#ifndef CREW_BASE_TEXT_H
#define CREW_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The n bytes at s as one number; false when anything else stands there or it does not fit. */
bool crew_text_u64(const char *s, size_t n, uint64_t *out);
bool crew_text_real(const char *s, size_t n, double *out); /* finite */

/* Length of the part of "NAME:SETTINGS" before the colon, and what follows it (NULL: no colon).
 */
size_t crew_text_name(const char *s, const char **settings);

/* Same characters, hyphen and underscore taken as one? a is terminated, b has n bytes. */
bool crew_text_same(const char *a, const char *b, size_t n);

#endif
