/* Records of delimited text: RFC 4180 with any of , ; tab between the fields, LF or CRLF. Line
 * breaks inside quotes are refused: no table of numbers has them, but a forgotten quote makes
 * them. */
#ifndef CREW_DATA_FIELDS_H
#define CREW_DATA_FIELDS_H

#include <crew/status.h>
#include <stddef.h>
#include <stdint.h>

struct crew_field {
    const char *p, *end; /* without quotes and surrounding blanks */
};

/* One record. Zeroed: none read yet. */
struct crew_fields {
    struct crew_field *field; /* [n] into the text; the array is ours */
    size_t n, cap;
    uint64_t line; /* where it stands, from 1 */
};

/* Where reading stands in a text without 0 bytes that ends with one, *end. */
struct crew_text {
    const char *path; /* for messages */
    char *at, *end;
    uint64_t line; /* lines taken so far */
    char delimiter;
};

/* The separator that is most frequent in the first line, outside quotes. */
char crew_fields_delimiter(const char *p, const char *end);

/* Read the next record that is not a blank line; record->n is 0 when there is none. Unquotes in
 * place, so a record is read once. */
CREW_CHECKED crew_status crew_fields_next(struct crew_text *text, struct crew_fields *record,
                                          struct crew_error *err);
void crew_fields_free(struct crew_fields *record);

#endif
