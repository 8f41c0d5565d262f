#include "cli/cli.h"
#include <string.h>

/* Bytes of the character at s; of anything that is not UTF-8, 1. */
static size_t character(const char *s)
{
    size_t n = 1;
    while ((s[n] & 0xc0) == 0x80)
        n++;
    return n <= 4 ? n : 1;
}

void print_cell(FILE *to, const char *text, int width, bool right)
{
    const char *end = text;
    int wide = 0;
    for (; *end && wide < width; wide++)
        end += character(end);
    if (right)
        fprintf(to, "%*s", width - wide, "");
    for (const char *s = text; s < end;) {
        size_t n = character(s);
        bool control = (unsigned char)*s < ' ' || *s == 0x7f;
        fwrite(control ? "?" : s, 1, control ? 1 : n, to);
        s += n;
    }
    if (!right)
        fprintf(to, "%*s", width - wide, "");
}
