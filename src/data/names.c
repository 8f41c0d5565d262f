#include "data/names.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct crew_names_block {
    struct crew_names_block *next;
    size_t used, size;
    char text[];
};

/* A copy of the text. Of a block of its own each, short ones would take hundredfold. */
static char *keep(struct crew_names *names, const char *p, size_t n)
{
    enum { FIRST = 512, MOST = 1 << 16 };
    struct crew_names_block *b = names->block;
    if (!b || b->size - b->used <= n) {
        size_t size = !b ? FIRST : b->size < MOST ? 2 * b->size : MOST;
        size = size > n ? size : n + 1;
        if (!(b = crew_alloc(sizeof *b + size)))
            return NULL;
        *b = (struct crew_names_block){.next = names->block, .size = size};
        names->block = b;
    }
    char *copy = memcpy(b->text + b->used, p, n);
    copy[n] = '\0';
    b->used += n + 1;
    return copy;
}

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
    struct crew_names g = {.cap = names->cap ? 2 * names->cap : 16};
    g.name = crew_alloc(g.cap * sizeof *g.name);
    g.first = crew_alloc(g.cap * sizeof *g.first);
    g.slot = crew_zalloc(2 * (size_t)g.cap * sizeof *g.slot);
    if (!g.name || !g.first || !g.slot) {
        crew_names_free(&g);
        return CREW_ENOMEM;
    }
    for (; g.n < names->n; g.n++) {
        g.name[g.n] = names->name[g.n];
        g.first[g.n] = names->first[g.n];
        *place(&g, g.name[g.n], strlen(g.name[g.n])) = g.n + 1;
    }
    g.block = names->block;
    names->block = NULL;
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
    char *copy = keep(names, p, n);
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
    for (struct crew_names_block *b = names->block, *next; b; b = next) {
        next = b->next;
        crew_free(b);
    }
    crew_free(names->name);
    crew_free(names->first);
    crew_free(names->slot);
    *names = (struct crew_names){0};
}
