/* IDX: what is read is written again as big-endian doubles. */
#include "base/bytes.h"
#include "fuzz_table.h"

static void put(uint8_t *to, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

static void put_real(uint8_t *to, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put(to, bits, 8);
}

static void write_and_read(const struct crew_table *t, const struct crew_read_how *how)
{
    size_t cells = t->features ? t->rows * t->features : t->rows;
    uint32_t dims = t->features ? 4 : 1;
    uint8_t *bytes = malloc(20 + 8 * cells), *at = bytes + 4 + 4 * dims;
    FUZZ_CHECK(bytes);
    put(bytes, 0x0e00 + dims, 4);
    put(bytes + 4, t->rows, 4);
    if (t->features) {
        put(bytes + 8, t->height, 4);
        put(bytes + 12, t->width, 4);
        put(bytes + 16, t->depth, 4);
    }
    for (size_t i = 0; i < cells; i++)
        put_real(at + 8 * i, t->features ? (double)crew_table_value(t, i)
                                         : strtod(t->names.name[t->label[i]], NULL));
    table_again(&crew_idx_reader, (char *)bytes, (size_t)(at - bytes) + 8 * cells, how, t);
}

static bool run(const uint8_t *data, size_t n)
{
    return table_run_array(&crew_idx_reader, data, n, write_and_read);
}

const struct fuzz_target fuzz_target = {
    .name = "idx", .run = run, .bytes_each = 80, .bytes_more = 8192};
