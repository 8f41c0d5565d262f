#include "data/table.h"
#include "base/error.h"
#include "base/mem.h"
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* Rows and features within what is supported. */
static crew_status check_counts(const char *path, size_t rows, size_t features,
                                struct crew_error *err)
{
    if (rows == 0)
        return crew_fail(err, CREW_EFORMAT, "%s has no rows", path);
    if (rows > UINT32_MAX)
        return crew_fail(err, CREW_EFORMAT, "%s has %zu rows, at most %u are supported", path,
                         rows, UINT32_MAX);
    if (features > CREW_MAX_FEATURES)
        return crew_fail(err, CREW_EFORMAT, "%s has %zu features, at most %d are supported",
                         path, features, CREW_MAX_FEATURES);
    return CREW_OK;
}

static void set_shape(struct crew_table *t, size_t rows, size_t features)
{
    t->rows = rows;
    t->features = (uint32_t)features;
    t->height = t->depth = 1;
    t->width = t->features;
}

/* `each`: bytes of a feature. */
static crew_status alloc(struct crew_table *t, const char *path, size_t rows, size_t features,
                         size_t each, bool labels, uint64_t max_bytes, struct crew_error *err)
{
    size_t cells, bytes;
    void *memory;
    TRY(check_counts(path, rows, features, err));
    if (!crew_mul(rows, features, &cells) || !crew_mul(cells, each, &bytes) ||
        bytes > max_bytes)
        return crew_fail(err, CREW_ENOMEM,
                         "%s has %zu rows of %zu features: %.0f MB, more than the %.0f MB that "
                         "are free or allowed by max-input-bytes",
                         path, rows, features,
                         1e-6 * (double)each * (double)rows * (double)features,
                         1e-6 * (double)max_bytes);
    memory = features ? crew_alloc(bytes) : NULL;
    t->x = each > 1 ? memory : NULL;
    t->byte = each > 1 ? NULL : memory;
    t->label = labels ? crew_alloc(rows * sizeof *t->label) : NULL;
    if ((features && !memory) || (labels && !t->label))
        return crew_fail(err, CREW_ENOMEM,
                         "not enough memory for %zu rows of %zu features of %s", rows, features,
                         path);
    set_shape(t, rows, features);
    return CREW_OK;
}

crew_status crew_table_alloc(struct crew_table *t, const char *path, size_t rows,
                             size_t features, bool labels, uint64_t max_bytes,
                             struct crew_error *err)
{
    return alloc(t, path, rows, features, sizeof *t->x, labels, max_bytes, err);
}

crew_status crew_table_alloc_bytes(struct crew_table *t, const char *path, size_t rows,
                                   size_t features, bool labels, uint64_t max_bytes,
                                   struct crew_error *err)
{
    return alloc(t, path, rows, features, sizeof *t->byte, labels, max_bytes, err);
}

crew_status crew_table_map(struct crew_table *t, struct crew_source *in, const char *data,
                           size_t rows, size_t features, uint32_t each, struct crew_error *err)
{
    TRY(check_counts(in->path, rows, features, err));
    t->map = in->map;
    in->map = (struct crew_map){0};
    in->data = NULL;
    if (each == sizeof *t->byte)
        t->byte = (uint8_t *)t->map.base + (data - t->map.base);
    else
        t->at = data;
    set_shape(t, rows, features);
    return CREW_OK;
}

static bool same_classes(const struct crew_names *a, const struct crew_names *b)
{
    bool same = a->n == b->n;
    for (uint32_t i = 0; same && i < a->n; i++)
        same = strcmp(a->name[i], b->name[i]) == 0;
    return same;
}

static crew_status check_alike(const struct crew_table *a, const struct crew_table *b,
                               const char *a_path, const char *b_path, struct crew_error *err)
{
    if (a->height != b->height || a->width != b->width || a->depth != b->depth ||
        !a->byte != !b->byte)
        return crew_fail(err, CREW_EFORMAT,
                         "%s has rows of another shape than %s: they are no parts of one set",
                         b_path, a_path);
    if (!a->label != !b->label || !same_classes(&a->names, &b->names))
        return crew_fail(err, CREW_EFORMAT,
                         "%s has other classes than %s: they are no parts of one set", b_path,
                         a_path);
    return CREW_OK;
}

crew_status crew_table_join(struct crew_table *part, const char *const *path, uint32_t n,
                            uint64_t max_bytes, struct crew_error *err)
{
    struct crew_table all = {0}, *first = &part[0];
    size_t rows = 0, each = first->byte ? sizeof *first->byte : sizeof *first->x;
    for (uint32_t i = 0; i < n; i++) {
        TRY(check_alike(first, &part[i], path[0], path[i], err));
        rows += part[i].rows; /* of each below 2^32 */
    }
    crew_status status =
        alloc(&all, path[0], rows, first->features, each, first->label != NULL, max_bytes, err);
    char *to = all.byte ? (char *)all.byte : (char *)all.x;
    uint32_t *label = all.label;
    for (uint32_t i = 0; status == CREW_OK && i < n; i++) {
        const struct crew_table *t = &part[i];
        size_t bytes = t->rows * t->features * each;
        if (bytes)
            memcpy(to, t->byte ? (const void *)t->byte : t->x, bytes);
        if (label)
            memcpy(label, t->label, t->rows * sizeof *label);
        to += bytes;
        label += label ? t->rows : 0;
        if (i)
            crew_table_free(&part[i]);
    }
    if (status == CREW_OK) {
        crew_free(first->x);
        crew_free(first->byte);
        crew_free(first->label);
        first->x = all.x;
        first->byte = all.byte;
        first->label = all.label;
        first->rows = rows;
    } else {
        crew_table_free(&all);
    }
    return status;
}

void crew_table_free(struct crew_table *t)
{
    crew_free(t->x);
    if (!t->map.base)
        crew_free(t->byte);
    crew_map_close(&t->map);
    crew_free(t->label);
    crew_names_free(&t->names);
    *t = (struct crew_table){0};
}

crew_status crew_table_names_full(const char *path, crew_status status, struct crew_error *err)
{
    if (status == CREW_EFORMAT)
        return crew_fail(err, status, "%s has more than %d different labels", path,
                         CREW_MAX_CLASSES);
    return crew_fail(err, status, "not enough memory for the labels of %s", path);
}

crew_status crew_table_label(struct crew_table *t, const char *path, double value,
                             uint64_t where, uint32_t *number, struct crew_error *err)
{
    /* Beyond 2^53 neighbouring whole numbers share a double. */
    if (!(fabs(value) <= 0x1p53) || value != floor(value))
        return crew_fail(err, CREW_EFORMAT,
                         "%s, %s %llu: the label %g is no whole number; labels are classes",
                         path, t->unit, (unsigned long long)where, value);
    crew_status status = crew_names_add_int(&t->names, (int64_t)value, where, number);
    return status == CREW_OK ? status : crew_table_names_full(path, status, err);
}

/* Files that people hand over by mistake, by their first bytes. */
static const struct {
    const char *magic;
    const char *what;
} foreign[] = {
    {"PK\003\004", "a zip archive (or .npz)"},
    {"\xfd"
     "7zXZ",
     "an xz file"},
    {"BZh", "a bzip2 file"},
    {"\x28\xb5\x2f\xfd", "a zstd file"},
    {"\x89HDF", "an HDF5 file"},
    {"\x89PNG", "a PNG image"},
    {"PAR1", "a Parquet file"},
    {"\xff\xfe", "UTF-16 text"},
    {"\xfe\xff", "UTF-16 text"},
};

/* In the order of asking: magic numbers first, but that of IDX is short and CIFAR's name is
 * none the less sure; CSV takes any text that is left. */
static const struct crew_reader *const readers[] = {&crew_npy_reader, &crew_cifar_reader,
                                                    &crew_idx_reader, &crew_libsvm_reader,
                                                    &crew_csv_reader};

/* Whose file it is, NULL: nobody's, or, where it is mapped, not that of a reader who could do
 * with that. *what: why nobody's. */
static const struct crew_reader *reader_of(const struct crew_source *in, const char **what)
{
    const struct crew_reader *reader = NULL;
    for (size_t i = 0; !reader && i < sizeof readers / sizeof *readers; i++)
        if (readers[i]->binary || !in->map.base)
            reader = readers[i]->detect(in) ? readers[i] : NULL;
    *what = "in no format known here (CSV, IDX, NPY, libsvm, CIFAR's "
            "*.bin, each also gzipped)";
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        size_t n = strlen(foreign[i].magic);
        if (in->size >= n && memcmp(in->data, foreign[i].magic, n) == 0) {
            *what = foreign[i].what;
            reader = NULL;
        }
    }
    return reader;
}

/* Should its rows be mapped, if they can be? */
static bool asks_for_map(const char *path, const struct crew_read_how *how)
{
    struct stat st;
    if (how->map != CREW_MAP_AUTO)
        return how->map == CREW_MAP_ON;
    return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size > how->room;
}

/* Read a mapped file; its rows stay there if they can. *done is false where the file is for
 * those who read text, or packed. */
static crew_status read_mapped(const char *path, const struct crew_read_how *how,
                               struct crew_table *out, bool *done, struct crew_error *err)
{
    struct crew_source in;
    const char *what;
    bool must = how->map == CREW_MAP_ON;
    *done = must;
    if (must && strcmp(path, "-") == 0)
        return crew_fail(err, CREW_EINPUT, "standard input cannot be mapped (data-map is on)");
    crew_status status = crew_source_map(path, &in, must ? err : NULL);
    if (status != CREW_OK)
        return must ? status : CREW_OK;
    const struct crew_reader *reader = reader_of(&in, &what);
    *done = must || reader;
    if (reader)
        status = reader->read(&in, how, out, err);
    else if (must)
        status = crew_fail(err, CREW_EFORMAT,
                           "data-map is on, but %s is text, packed or of "
                           "no format known here; " CREW_MAPPED_FORMATS,
                           path);
    crew_source_close(&in);
    return status;
}

crew_status crew_table_read(const char *path, const struct crew_read_how *how,
                            struct crew_table *out, struct crew_error *err)
{
    struct crew_source in;
    const char *what;
    crew_status status = CREW_OK;
    bool done = false;
    *out = (struct crew_table){0};
    if (asks_for_map(path, how))
        status = read_mapped(path, how, out, &done, err);
    if (!done) {
        TRY(crew_source_open(path, how->max_bytes, &in, err));
        const struct crew_reader *reader = reader_of(&in, &what);
        status = reader ? reader->read(&in, how, out, err)
                        : crew_fail(err, CREW_EFORMAT, "%s is %s", in.path, what);
        crew_source_close(&in);
    }
    if (status != CREW_OK)
        crew_table_free(out);
    return status;
}
