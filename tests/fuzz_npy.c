/* NPY: what is read is written again as little-endian floats, labels as 64-bit integers. */
#include "base/bytes.h"
#include "fuzz_table.h"

static void write_and_read(const struct crew_table *t, const struct crew_read_how *how)
{
    size_t cells = t->features ? t->rows * t->features : t->rows, each = t->features ? 4 : 8;
    char header[128], *bytes = malloc(sizeof header + each * cells);
    int n = t->features ? snprintf(header + 10, sizeof header - 10,
                                   "{'shape': (%zu, %u, %u, %u,), \"descr\":'<f4', "
                                   "'fortran_order': False}\n",
                                   t->rows, t->height, t->width, t->depth)
                        : snprintf(header + 10, sizeof header - 10,
                                   "{'descr': '<i8', 'fortran_order': True, 'shape': (%zu,), }",
                                   t->rows);
    FUZZ_CHECK(bytes && n > 0 && n < 118);
    memcpy(header, "\x93NUMPY\1\0", 8);
    header[8] = (char)n;
    header[9] = 0;
    memcpy(bytes, header, 10 + (size_t)n);
    for (size_t i = 0; i < cells; i++) {
        uint8_t *at = (uint8_t *)bytes + 10 + n + each * i;
        if (t->features)
            memcpy(at, &(float){crew_table_value(t, i)}, 4);
        else
            crew_put_le64(at, (uint64_t)strtoll(t->names.name[t->label[i]], NULL, 10));
    }
    table_again(&crew_npy_reader, bytes, 10 + (size_t)n + each * cells, how, t);
}

static bool run(const uint8_t *data, size_t n)
{
    return table_run_array(&crew_npy_reader, data, n, write_and_read);
}

const struct fuzz_target fuzz_target = {
    .name = "npy", .run = run, .bytes_each = 80, .bytes_more = 8192};
