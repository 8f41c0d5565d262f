#include "data/synth.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

static const char prefix[] = "synth:";

bool crew_synth_is(const char *name)
{
    return strncmp(name, prefix, sizeof prefix - 1) == 0;
}

enum { MAX_NUMBERS = 5 };

/* "4096x784x10" into number[]; how many there are, 0: that is none. */
static uint32_t split_numbers(const char *s, uint64_t number[MAX_NUMBERS])
{
    for (uint32_t n = 0; n < MAX_NUMBERS; n++) {
        size_t length = strcspn(s, "x");
        if (!crew_text_u64(s, length, &number[n]))
            return 0;
        if (s[length] == '\0')
            return n + 1;
        s += length + 1;
    }
    return 0;
}

/* Uniform in [-1, 1), 24 bits. */
static float signed_unit(uint32_t bits)
{
    return (float)(bits >> 8) * 0x1p-23f - 1;
}

/* Nearly normal, mean 0, standard deviation 1: the sum of the four bytes, each uniform on
 * 0..255 with mean 127.5 and variance (256^2 - 1) / 12. */
static float noise(uint32_t bits)
{
    uint32_t sum = (bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24);
    return ((float)sum - 510) * (1 / 147.8005f); /* sqrt(4 * 65535 / 12) */
}

/* Two centres with features uniform in [-a, a] lie sqrt(2 d / 3) a apart on average. At a
 * distance of 5 standard deviations a classifier that knows the centres errs in 0.6 % for each
 * other class. */
static void fill(struct crew_table *t, uint64_t seed, uint32_t classes, float *centre)
{
    const float a =
        (float)(5 / sqrt(2.0 * t->features / 3)); /* sqrt is correctly rounded everywhere */
    uint32_t r[4];
    for (uint32_t c = 0; c < classes; c++) {
        for (uint32_t j = 0; j < t->features; j++) {
            if (j % 4 == 0)
                crew_rng4(seed, CREW_STREAM_SYNTH_CENTRE, c, j / 4, r);
            centre[(size_t)c * t->features + j] = a * signed_unit(r[j % 4]);
        }
    }
    for (size_t i = 0; i < t->rows; i++) {
        const float *mean = centre + (size_t)t->label[i] * t->features;
        float *x = t->x + i * t->features;
        for (uint32_t j = 0; j < t->features; j++) {
            if (j % 4 == 0)
                crew_rng4(seed, CREW_STREAM_SYNTH_ROW, (uint32_t)i, j / 4, r);
            x[j] = mean[j] + noise(r[j % 4]);
        }
    }
}

crew_status crew_synth_make(const char *name, uint64_t seed, uint64_t max_bytes,
                            struct crew_table *out, struct crew_error *err)
{
    uint64_t v[MAX_NUMBERS], features = 1;
    uint32_t n = split_numbers(name + sizeof prefix - 1, v);
    *out = (struct crew_table){.unit = "row"};
    if (n != 3 && n != 5)
        return crew_fail(err, CREW_EINVAL,
                         "\"%s\" is not synth:ROWSxFEATURESxCLASSES or "
                         "synth:ROWSxHEIGHTxWIDTHxDEPTHxCLASSES",
                         name);
    uint64_t rows = v[0], classes = v[n - 1];
    for (uint32_t i = 1; i + 1 < n; i++)
        features =
            v[i] > CREW_MAX_FEATURES || features > CREW_MAX_FEATURES ? 0 : features * v[i];
    if (features < 1 || features > CREW_MAX_FEATURES)
        return crew_fail(err, CREW_EINVAL, "%s: features must be 1..%d", name,
                         CREW_MAX_FEATURES);
    if (classes < 2 || classes > CREW_MAX_CLASSES)
        return crew_fail(err, CREW_EINVAL, "%s: classes must be 2..%d", name, CREW_MAX_CLASSES);
    if (rows < classes || rows > UINT32_MAX)
        return crew_fail(err, CREW_EINVAL,
                         "%s: rows must be at least one a class and at most %u", name,
                         UINT32_MAX);
    TRY(crew_table_alloc(out, name, (size_t)rows, (size_t)features, true, max_bytes, err));
    if (n == 5) {
        out->height = (uint32_t)v[1];
        out->width = (uint32_t)v[2];
        out->depth = (uint32_t)v[3];
    }
    for (uint32_t c = 0, number; c < classes; c++) {
        crew_status status = crew_names_add_int(&out->names, c, c + 1, &number);
        if (status != CREW_OK)
            return crew_table_names_full(name, status, err);
    }
    for (size_t i = 0; i < out->rows; i++)
        out->label[i] = (uint32_t)(i % classes);
    size_t bytes;
    float *centre = NULL;
    if (crew_mul((size_t)(classes * features), sizeof *centre, &bytes) && bytes <= max_bytes)
        centre = crew_alloc(bytes);
    if (!centre)
        return crew_fail(err, CREW_ENOMEM, "not enough memory for the classes of %s", name);
    fill(out, seed, (uint32_t)classes, centre);
    crew_free(centre);
    return CREW_OK;
}
