/* NPY, the format of numpy.save: magic, version, header length, a Python dictionary, the
 * numbers. Source: NEP 1 and numpy.lib.format. The dictionary is read by a grammar of our own:
 * three keys in any order, nothing else. */
#include "base/bytes.h"
#include "base/error.h"
#include "data/array.h"
#include "data/number.h"
#include <string.h>

static const char magic[] = "\x93NUMPY";
enum { MAGIC = sizeof magic - 1, MAX_HEADER = 1 << 16 };

struct header {
    const char *at, *end;
    char descr[16];
    bool fortran_order;
    bool seen[3]; /* descr, fortran_order, shape */
};

static bool skip(struct header *h, char c)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n'))
        h->at++;
    if (h->at == h->end || *h->at != c)
        return false;
    h->at++;
    return true;
}

/* A string in single or double quotes, at most cap - 1 characters, no escapes. */
static bool quoted(struct header *h, char *out, size_t cap)
{
    char quote = skip(h, '\'') ? '\'' : skip(h, '"') ? '"' : 0;
    size_t n = 0;
    while (quote && h->at < h->end && *h->at != quote && n < cap - 1)
        out[n++] = *h->at++;
    out[n] = '\0';
    return quote && skip(h, quote);
}

static bool shape(struct header *h, struct crew_array *a)
{
    a->n_dims = 0;
    if (!skip(h, '('))
        return false;
    while (!skip(h, ')')) {
        uint64_t v = 0;
        const char *start = h->at;
        while (h->at < h->end && *h->at >= '0' && *h->at <= '9') {
            if (v > UINT64_MAX / 10 - 1)
                return false;
            v = v * 10 + (uint64_t)(*h->at++ - '0');
        }
        if (h->at == start || a->n_dims == CREW_MAX_DIMENSIONS)
            return false;
        a->dim[a->n_dims++] = v;
        if (!skip(h, ','))
            return skip(h, ')');
        while (h->at < h->end && *h->at == ' ')
            h->at++;
    }
    return a->n_dims > 0;
}

static bool truth(struct header *h, bool *out)
{
    (void)skip(h, '\0'); /* blanks */
    size_t n = (size_t)(h->end - h->at);
    *out = n >= 4 && memcmp(h->at, "True", 4) == 0;
    if (!*out && (n < 5 || memcmp(h->at, "False", 5) != 0))
        return false;
    h->at += *out ? 4 : 5;
    return true;
}

static bool dictionary(struct header *h, struct crew_array *a)
{
    char key[16];
    if (!skip(h, '{'))
        return false;
    while (!skip(h, '}')) {
        bool ok = quoted(h, key, sizeof key) && skip(h, ':');
        if (ok && strcmp(key, "descr") == 0)
            ok = h->seen[0] = quoted(h, h->descr, sizeof h->descr);
        else if (ok && strcmp(key, "fortran_order") == 0)
            ok = h->seen[1] = truth(h, &h->fortran_order);
        else if (ok && strcmp(key, "shape") == 0)
            ok = h->seen[2] = shape(h, a);
        else
            return false;
        if (!ok)
            return false;
        if (!skip(h, ','))
            return skip(h, '}') && h->seen[0] && h->seen[1] && h->seen[2];
    }
    return h->seen[0] && h->seen[1] && h->seen[2];
}

/* "<f4": byte order, kind, bytes. A truth value is a byte, 0 or 1. */
static bool element(const char *descr, struct crew_array *a)
{
    if (strlen(descr) != 3 || !strchr("<>|=", descr[0]) || !strchr("fiub", descr[1]) ||
        !strchr("1248", descr[2]))
        return false;
    a->big_endian = descr[0] == '>';
    a->kind = descr[1] == 'b' ? 'u' : descr[1];
    a->bytes = (uint32_t)(descr[2] - '0');
    return descr[1] == 'f' ? a->bytes >= 4 : descr[1] != 'b' || a->bytes == 1;
}

static bool detect_npy(const struct crew_source *in)
{
    return in->size >= MAGIC && memcmp(in->data, magic, MAGIC) == 0;
}

static crew_status read_npy(struct crew_source *in, const struct crew_read_how *how,
                            struct crew_table *out, struct crew_error *err)
{
    const uint8_t *p = (const uint8_t *)in->data;
    struct crew_array a = {0};
    uint32_t major = in->size > MAGIC ? p[MAGIC] : 0;
    size_t begin = major == 1 ? 10 : 12; /* where the dictionary starts */
    if (in->size < begin)
        return crew_fail(err, CREW_EFORMAT, "%s is truncated: an NPY header of %zu bytes",
                         in->path, in->size);
    if (major < 1 || major > 3)
        return crew_fail(err, CREW_EFORMAT, "%s is NPY version %u, 1 to 3 are supported",
                         in->path, major);
    size_t length = major == 1 ? p[8] | (size_t)p[9] << 8 : crew_le32(p + 8);
    if (length > MAX_HEADER || length > in->size - begin)
        return crew_fail(err, CREW_EFORMAT, "%s: its NPY header of %zu bytes is %s", in->path,
                         length, length > MAX_HEADER ? "too long" : "truncated");
    a.header = begin + length;
    struct header h = {.at = in->data + begin, .end = in->data + a.header};
    if (!dictionary(&h, &a))
        return crew_fail(
            err, CREW_EFORMAT,
            "%s: its NPY header is damaged near byte %zu, or has not 1 to %d dimensions",
            in->path, (size_t)(h.at - in->data), CREW_MAX_DIMENSIONS);
    char shown[48];
    if (!element(h.descr, &a))
        return crew_fail(err, CREW_EFORMAT,
                         "%s holds elements of type \"%s\", must be plain numbers (b1, u1-u8, "
                         "i1-i8, f4, f8)",
                         in->path, crew_shown(h.descr, h.descr + strlen(h.descr), shown));
    if (h.fortran_order && a.n_dims > 1)
        return crew_fail(err, CREW_EFORMAT,
                         "%s is in Fortran order; save it with numpy.ascontiguousarray",
                         in->path);
    return crew_array_to_table(&a, in, how, out, err);
}

const struct crew_reader crew_npy_reader = {"npy", true, detect_npy, read_npy};
