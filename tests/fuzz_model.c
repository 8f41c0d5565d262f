/* Files of models: what is read is saved and read again; the network computes. */
#include "fuzz.h"
#include "train/network.h"
#include <math.h>
#include <stdlib.h>

static void same(const crew_network *net, const crew_network *other)
{
    struct crew_network_info a, b;
    crew_network_info(net, &a);
    crew_network_info(other, &b);
    FUZZ_CHECK(!strcmp(a.model, b.model) && memcmp(&a.shape, &b.shape, sizeof a.shape) == 0);
    FUZZ_CHECK(a.features == b.features && a.n_params == b.n_params);
    FUZZ_CHECK(memcmp(a.params, b.params, a.n_params * sizeof *a.params) == 0);
    FUZZ_CHECK(a.scaler.features == b.scaler.features && a.scaler.kind == b.scaler.kind);
    for (uint32_t j = 0; j < a.scaler.features; j++)
        FUZZ_CHECK(memcmp(&a.scaler.offset[j], &b.scaler.offset[j], sizeof(float)) == 0 &&
                   memcmp(&a.scaler.factor[j], &b.scaler.factor[j], sizeof(float)) == 0);
    FUZZ_CHECK((a.class_names != NULL) == (b.class_names != NULL));
    for (uint32_t k = 0; a.class_names && k < a.shape.classes; k++)
        FUZZ_CHECK(!strcmp(a.class_names[k], b.class_names[k]));
}

static void predict(const crew_network *net)
{
    struct crew_network_info info;
    crew_network_info(net, &info);
    FUZZ_CHECK((uint64_t)info.shape.height * info.shape.width * info.shape.depth ==
               info.features);
    float *x = calloc(info.features, sizeof *x), *p = calloc(info.shape.classes, sizeof *p);
    FUZZ_CHECK(x && p && crew_network_predict(net, x, 1, p) == CREW_OK);
    free(x);
    free(p);
}

static bool run(const uint8_t *data, size_t n)
{
    crew_network *net, *again;
    struct crew_error err = {0};
    const char *path = fuzz_path("again.safetensors");
    if (!fuzz_accepted(crew_network_load(fuzz_file(data, n), &net, &err), &err))
        return false;
    if (!fuzz_accepted(crew_network_save(net, path, true, &err), &err) ||
        !fuzz_accepted(crew_network_load(path, &again, &err), &err))
        fuzz_fail("%s", err.text);
    same(net, again);
    predict(net);
    crew_network_destroy(net);
    crew_network_destroy(again);
    return true;
}

/* JSON of a header takes up to eighty bytes for one, class names inside it again; a block of
 * rows that are computed together. */
const struct fuzz_target fuzz_target = {
    .name = "model", .run = run, .bytes_each = 300, .bytes_more = 1 << 20};
