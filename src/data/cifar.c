/* The binary files of CIFAR-10 and CIFAR-100: nothing but records of a label (CIFAR-100: two, a
 * coarse one, which is left out, and a fine one, which is the class) and a picture of 32 x 32
 * pixels, its red plane first, then green, then blue. Without a magic number: what tells them
 * is the name, *.bin or *.bin.gz, the size and labels in range. Source: A. Krizhevsky,
 * "Learning Multiple Layers of Features from Tiny Images", 2009, and the page that has the
 * files. */
#include "data/cifar.h"
#include "base/error.h"
#include "data/array.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 32, PLANE = SIDE * SIDE, COLOURS = 3, PIXELS = COLOURS * PLANE, MAX_PATH = 4096 };

struct layout {
    const char *name;
    uint32_t labels;      /* bytes before the picture; the last is the class */
    uint8_t below[2];     /* what each of them is below */
    const char *class_of; /* file of the class names, in the same folder */
};
static const struct layout layouts[] = {{"CIFAR-10", 1, {10}, "batches.meta.txt"},
                                        {"CIFAR-100", 2, {20, 100}, "fine_label_names.txt"}};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static size_t record_bytes(const struct layout *l)
{
    return l->labels + PIXELS;
}

/* Whole records from the start on whose labels are in range. */
static size_t good_records(const struct layout *l, const struct crew_source *in)
{
    const uint8_t *p = (const uint8_t *)in->data;
    size_t n = 0, all = in->size / record_bytes(l);
    for (; n < all; n++, p += record_bytes(l))
        for (uint32_t k = 0; k < l->labels; k++)
            if (p[k] >= l->below[k])
                return n;
    return n;
}

/* The layout that all of the file is in (*whole), or else more records of it are. */
static const struct layout *layout_of(const struct crew_source *in, bool *whole)
{
    const struct layout *best = layouts;
    size_t most = 0;
    for (size_t i = 0; i < LAYOUTS; i++) {
        size_t good = good_records(&layouts[i], in);
        *whole = good * record_bytes(&layouts[i]) == in->size;
        if (*whole)
            return &layouts[i];
        best = good > most ? &layouts[i] : best;
        most = good > most ? good : most;
    }
    return best;
}

static bool named_bin(const char *path)
{
    size_t n = strlen(path);
    if (n > 3 && strcmp(path + n - 3, ".gz") == 0)
        n -= 3;
    return n > 4 && memcmp(path + n - 4, ".bin", 4) == 0;
}

/* Text has tabs and line breaks, but none of the control characters before them. */
static bool is_text(const struct crew_source *in)
{
    for (size_t i = 0; i < in->size; i++)
        if ((uint8_t)in->data[i] < '\t')
            return false;
    return true;
}

/* A file that has the name but is damaged is ours, too, to be told where, unless it looks like
 * something else. */
static bool detect_cifar(const struct crew_source *in)
{
    bool whole;
    if (!named_bin(in->path))
        return false;
    (void)layout_of(in, &whole);
    enum crew_idx_look idx = crew_idx_look(in);
    return whole ? idx != CREW_IDX_WHOLE : idx == CREW_IDX_NOT && !is_text(in);
}

/* Which record is wrong, and how. */
static crew_status damaged(const struct layout *l, const struct crew_source *in,
                           struct crew_error *err)
{
    size_t bytes = record_bytes(l), good = good_records(l, in);
    const uint8_t *p = (const uint8_t *)in->data + good * bytes;
    if (in->size - good * bytes < bytes)
        return crew_fail(err, CREW_EFORMAT,
                         "%s is truncated or too long: record %zu has %zu of the %zu bytes of "
                         "a record of %s",
                         in->path, good + 1, in->size - good * bytes, bytes, l->name);
    uint32_t k = p[0] < l->below[0];
    return crew_fail(err, CREW_EFORMAT, "%s, record %zu: the %slabel is %u, in %s it is 0..%u",
                     in->path, good + 1,
                     l->labels == 1 ? ""
                     : k            ? "fine "
                                    : "coarse ",
                     p[k], l->name, l->below[k] - 1);
}

crew_status crew_cifar_names(const char *text, size_t n, uint32_t classes,
                             struct crew_names *out)
{
    const char *at = text, *end = text + n;
    crew_status status = CREW_OK;
    *out = (struct crew_names){0};
    while (status == CREW_OK && at < end) {
        const char *line = at, *stop = memchr(at, '\n', (size_t)(end - at));
        at = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        stop -= stop > line && stop[-1] == '\r';
        uint32_t number, before = out->n;
        bool good = before < classes && line < stop;
        for (const char *c = line; c < stop; c++)
            good &= *c >= ' ' && *c <= '~';
        if (line == stop && before == classes) /* empty lines at the end */
            continue;
        status = good ? crew_names_add(out, line, (size_t)(stop - line), before, &number)
                      : CREW_EFORMAT;
        if (status == CREW_OK && number != before)
            status = CREW_EFORMAT;
    }
    if (status == CREW_OK && out->n != classes)
        status = CREW_EFORMAT;
    if (status != CREW_OK)
        crew_names_free(out);
    return status;
}

/* Whatever else has the name, a pipe or a folder, is none of the set's. */
static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Names from the file beside this one, or else the numbers. All classes, also those of which
 * the file has no record. */
static crew_status name_classes(const struct layout *l, const char *path, struct crew_table *t,
                                struct crew_error *err)
{
    enum { MAX_NAMES = 1 << 14 };
    char beside[MAX_PATH];
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    uint32_t classes = l->below[l->labels - 1], number;
    struct crew_source in;
    int length = snprintf(beside, sizeof beside, "%.*s%s", folder, path, l->class_of);
    t->names_in_order = true;
    if (length < MAX_PATH && is_file(beside)) {
        crew_status status = crew_source_open(beside, MAX_NAMES, &in, err);
        if (status == CREW_OK) {
            status = crew_cifar_names(in.data, in.size, classes, &t->names);
            crew_source_close(&in);
            if (status == CREW_ENOMEM)
                return crew_table_names_full(path, status, err);
        }
        if (status != CREW_EFORMAT) /* its content may be anything; else it is as it must be */
            return status;
    }
    for (uint32_t i = 0; i < classes; i++) {
        crew_status status = crew_names_add_int(&t->names, i, i, &number);
        if (status != CREW_OK)
            return crew_table_names_full(path, status, err);
    }
    return CREW_OK;
}

static crew_status read_cifar(struct crew_source *in, const struct crew_read_how *how,
                              struct crew_table *out, struct crew_error *err)
{
    bool whole;
    const struct layout *l = layout_of(in, &whole);
    const uint8_t *p = (const uint8_t *)in->data;
    if (!whole)
        return damaged(l, in, err);
    if (how->map == CREW_MAP_ON)
        return crew_fail(err, CREW_EFORMAT,
                         "data-map is on, but %s has the colours of a pixel in three "
                         "planes; " CREW_MAPPED_FORMATS,
                         in->path);
    out->unit = "row";
    TRY(crew_table_alloc_bytes(out, in->path, in->size / record_bytes(l), PIXELS, true,
                               how->max_bytes, err));
    out->height = out->width = SIDE;
    out->depth = COLOURS;
    TRY(name_classes(l, in->path, out, err));
    uint8_t *to = out->byte;
    for (size_t i = 0; i < out->rows; i++, p += PIXELS) {
        p += l->labels;
        out->label[i] = p[-1];
        for (uint32_t pixel = 0; pixel < PLANE; pixel++)
            for (uint32_t c = 0; c < COLOURS; c++)
                *to++ = p[c * PLANE + pixel];
    }
    return CREW_OK;
}

const struct crew_reader crew_cifar_reader = {"cifar", true, detect_cifar, read_cifar};
