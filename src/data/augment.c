#include "data/augment.h"
#include "base/error.h"
#include "base/rng.h"
#include <stdio.h>
#include <string.h>

static const char crop_word[] = "crop";
enum { CROP = sizeof crop_word - 1, MAX_DIGITS = 4 };

/* One word of n bytes. False: it is none, or was there before. */
static bool take_word(const char *word, size_t n, struct crew_augment *out)
{
    if (n == strlen("flip") && !out->flip && memcmp(word, "flip", n) == 0)
        return out->flip = true;
    if (n <= CROP || n > CROP + MAX_DIGITS || out->crop || memcmp(word, crop_word, CROP) != 0)
        return false;
    for (size_t i = CROP; i < n; i++) {
        if (word[i] < '0' || word[i] > '9')
            return false;
        out->crop = out->crop * 10 + (uint32_t)(word[i] - '0');
    }
    return out->crop > 0;
}

crew_status crew_augment_parse(const char *text, const struct crew_dataset_info *info,
                               struct crew_augment *out, struct crew_error *err)
{
    *out = (struct crew_augment){0};
    for (const char *word = text; word;) {
        size_t n = strcspn(word, ",");
        if (!take_word(word, n, out))
            return crew_fail(err, CREW_EINVAL,
                             "augment is '%.32s', must be flip, cropN (by up to N pixels), or "
                             "both as in flip,crop4",
                             text);
        word = word[n] ? word + n + 1 : NULL;
    }
    if (text && info->height == 1)
        return crew_fail(err, CREW_EINVAL,
                         "augment %s needs images, these are plain rows of %u features", text,
                         info->features);
    if (out->crop >= info->height || out->crop >= info->width)
        return crew_fail(err, CREW_EINVAL,
                         "augment %s: images of %u x %u cannot be shifted so far", text,
                         info->height, info->width);
    if (out->crop)
        snprintf(out->text, sizeof out->text, "%s%s%u", out->flip ? "flip," : "", crop_word,
                 out->crop);
    else if (out->flip)
        memcpy(out->text, "flip", sizeof "flip");
    return CREW_OK;
}

/* Pixel (y, x) becomes what pixel (y + down, x + right) was. */
static void shift(const struct crew_dataset_info *info, int64_t down, int64_t right, float *x)
{
    int64_t height = info->height, width = (int64_t)info->width * info->depth;
    int64_t by = right * info->depth, kept = width - (by < 0 ? -by : by);
    for (int64_t i = 0; i < height; i++) {
        int64_t y = down < 0 ? height - 1 - i : i; /* so that what is read is still there */
        float *to = x + y * width;
        if (y + down < 0 || y + down >= height) {
            memset(to, 0, (size_t)width * sizeof *to);
            continue;
        }
        const float *from = to + down * width;
        memmove(to + (by < 0 ? -by : 0), from + (by < 0 ? 0 : by), (size_t)kept * sizeof *to);
        memset(to + (by < 0 ? 0 : kept), 0, (size_t)(width - kept) * sizeof *to);
    }
}

static void flip(const struct crew_dataset_info *info, float *x)
{
    uint32_t depth = info->depth;
    for (uint32_t y = 0; y < info->height; y++, x += (size_t)info->width * depth) {
        float *left = x, *right = x + (size_t)(info->width - 1) * depth;
        for (; left < right; left += depth, right -= depth)
            for (uint32_t c = 0; c < depth; c++) {
                float was = left[c];
                left[c] = right[c];
                right[c] = was;
            }
    }
}

/* -most..most, each as likely as the others but for 1 in 2^32. */
static int64_t offset(uint32_t random, uint32_t most)
{
    return (int64_t)((uint64_t)random * (2 * (uint64_t)most + 1) >> 32) - most;
}

void crew_augment_rows(const struct crew_augment *a, const struct crew_dataset_info *info,
                       uint64_t seed, uint64_t epoch, const uint32_t *row, size_t n, float *x)
{
    if (!a->flip && !a->crop)
        return;
    for (size_t i = 0; i < n; i++, x += info->features) {
        uint32_t random[4];
        crew_rng4(seed, CREW_STREAM_AUGMENT, (uint32_t)epoch, row[i], random);
        if (a->crop)
            shift(info, offset(random[1], a->crop), offset(random[2], a->crop), x);
        if (a->flip && random[0] >> 31)
            flip(info, x);
    }
}
