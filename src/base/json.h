/* jansson, where lack of memory must not pass for something else. */
#ifndef CREW_BASE_JSON_H
#define CREW_BASE_JSON_H

#include <crew/status.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The string s, NULL: null. What is not UTF-8, as a file's name may be, becomes `otherwise`.
 * NULL: no memory. */
json_t *crew_json_text(const char *s, const char *otherwise);

/* The list, if all that was to go into it found memory, which are n; else NULL, and it is
 * freed. */
json_t *crew_json_whole(json_t *list, size_t n);

/* The value as text, terminated; free() it. NULL: no memory, or `root` is. json_dumps() of
 * jansson 2.14 leaves out the key of a member when its buffer does not grow for that. */
char *crew_json_dump(const json_t *root, size_t flags);

/* json_loadb() failed, and said this: was it for want of memory? Not all of that can be told
 * from a mistake in the text: jansson 2.14 takes a string it has no room for as one. */
bool crew_json_starved(const json_error_t *why);

/* The value that text [n] is. CREW_EFORMAT: none, see why; CREW_ENOMEM; *out is NULL then. */
CREW_CHECKED crew_status crew_json_parse(const char *text, size_t n, size_t flags, json_t **out,
                                         json_error_t *why);

#endif
