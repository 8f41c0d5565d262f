#include "data/names.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Where the text stands, or the free place where it would. There is one: half of the slots at
 * least are free. */
static uint32_t *place(const struct crew_names *names, const char *p, size_t n)
{
    uint32_t mask = 2 * names->cap - 1;
    for (uint32_t i = (uint32_t)crew_hash(CREW_HASH_INIT, p, n) & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &names->slot[i];
        const char *have = *slot ? names->name[*slot - 1] : NULL;
        if (!have || (strncmp(have, p, n) == 0 && have[n] == '\0'))
            return slot;
    }
}

static crew_status grow(struct crew_names *names)
{
    struct crew_names g = {.cap = names->cap ? 2 * names->cap : 16, .n = names->n};
    g.name = crew_alloc(g.cap * sizeof *g.name);
    g.first = crew_alloc(g.cap * sizeof *g.first);
    g.slot = crew_zalloc(2 * (size_t)g.cap * sizeof *g.slot);
    if (!g.name || !g.first || !g.slot) {
        g.n = 0; /* the texts still belong to the old list */
        crew_names_free(&g);
        return CREW_ENOMEM;
    }
    for (uint32_t i = 0; i < g.n; i++) {
        g.name[i] = names->name[i];
        g.first[i] = names->first[i];
        *place(&g, g.name[i], strlen(g.name[i])) = i + 1;
    }
    names->n = 0;
    crew_names_free(names);
    *names = g;
    return CREW_OK;
}

crew_status crew_names_add(struct crew_names *names, const char *p, size_t n, uint64_t where,
                           uint32_t *number)
{
    *number = crew_names_find(names, p, n);
    if (*number != CREW_NO_NAME)
        return CREW_OK;
    if (names->n == CREW_MAX_CLASSES)
        return CREW_EFORMAT;
    if (names->n == names->cap)
        TRY(grow(names));
    char *copy = crew_strndup(p, n);
    if (!copy)
        return CREW_ENOMEM;
    *number = names->n++;
    names->name[*number] = copy;
    names->first[*number] = where;
    *place(names, p, n) = *number + 1;
    return CREW_OK;
}

crew_status crew_names_add_int(struct crew_names *names, int64_t value, uint64_t where,
                               uint32_t *number)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, value);
    return crew_names_add(names, text, (size_t)n, where, number);
}

uint32_t crew_names_find(const struct crew_names *names, const char *p, size_t n)
{
    return names->cap ? *place(names, p, n) - 1 : CREW_NO_NAME; /* 0 - 1 is CREW_NO_NAME */
}

void crew_names_free(struct crew_names *names)
{
    for (uint32_t i = 0; i < names->n; i++)
        crew_free(names->name[i]);
    crew_free(names->name);
    crew_free(names->first);
    crew_free(names->slot);
    *names = (struct crew_names){0};
}
