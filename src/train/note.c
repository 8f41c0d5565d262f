/* Notes are shown on terminals and stored as JSON, but what they quote may come from any file.
 */
#include "base/mem.h"
#include "train/trainer.h"
#include <stdarg.h>
#include <stdio.h>

/* Bytes of the character at s, if it is UTF-8 that has a shape; else 0. */
static size_t character(const unsigned char *s)
{
    unsigned char c = s[0];
    if (c < 0x80)
        return c >= ' ' && c != 0x7f;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    size_t n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool control = c == 0xc2 && s[1] < 0xa0, /* and what has a shorter form or is a surrogate */
        wrong = (c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) ||
                (c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f);
    return control || wrong ? 0 : n;
}

void crew_trainer_add_note(crew_trainer *t, const char *fmt, ...)
{
    char text[700];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    for (char *s = text; *s;) {
        size_t n = character((const unsigned char *)s);
        *s = n ? *s : '?';
        s += n ? n : 1;
    }
    if (t->n_notes < CREW_MAX_NOTES && (t->note[t->n_notes] = crew_strdup(text)))
        t->n_notes++;
}
