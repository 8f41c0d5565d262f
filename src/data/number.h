/* Numbers in text, the same in every locale. */
#ifndef CREW_DATA_NUMBER_H
#define CREW_DATA_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* Read a decimal number ("-12.5e3") that fills text [p, end) from first to last byte; correctly
 * rounded, and fast where the text is short. false: it is none, or its exponent is out of
 * range. "inf", "nan" and hexadecimal are none. */
bool crew_parse_real(const char *p, const char *end, double *out);

/* Text [p, end) made fit to stand in a message: at most 40 bytes, unprintable ones as '?'. */
const char *crew_shown(const char *p, const char *end, char out[48]);

#endif
