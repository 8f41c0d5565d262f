#include "model/spec.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <string.h>

enum { MAX_WIDTH = 1 << 20, MAX_KERNEL = 1 << 10 };

/* The network of the ATA paper's section on CIFAR-100: three convolutions, two dense layers,
 * about 160 thousand parameters; their sizes are not given there. */
static const char paper[] = "conv3x3-16p1,relu,pool2,conv3x3-32p1,relu,pool2,"
                            "conv3x3-64p1,relu,pool2,fc128,relu";

crew_status crew_spec_dense(struct crew_sequential *s, size_t width, bool relu,
                            struct crew_error *err)
{
    return crew_sequential_add(s, &(struct crew_layer){.ops = &crew_layer_dense, .relu = relu},
                               (struct crew_extent){1, 1, width}, err);
}

crew_status crew_spec_widths(struct crew_sequential *s, const char *text,
                             struct crew_error *err)
{
    for (const char *at = text; at; at = *at ? at + 1 : NULL) {
        size_t n = strcspn(at, ",");
        uint64_t width;
        if (!crew_text_u64(at, n, &width) || width < 1 || width > MAX_WIDTH)
            return crew_fail(
                err, CREW_EINVAL,
                "model mlp: width '%.*s' must be a whole number 1..%d, as in mlp:256,128",
                (int)(n < 32 ? n : 32), at, MAX_WIDTH);
        TRY(crew_spec_dense(s, (size_t)width, true, err));
        at += n;
    }
    return CREW_OK;
}

/* ---- Layers by name ---- */

/* One word of the text, and how far it is read. */
struct word {
    const char *text, *at, *end;
    struct crew_sequential *s;
    struct crew_error *err;
};

static crew_status refuse(const struct word *w, const char *why)
{
    size_t n = (size_t)(w->end - w->text);
    return crew_fail(w->err, CREW_EINVAL, "model cnn: layer %u, '%.*s': %s", w->s->n + 1,
                     (int)(n < 32 ? n : 32), w->text, why);
}

/* A whole number from `least` up to where no digit follows. */
static bool number(struct word *w, size_t least, size_t most, size_t *out)
{
    uint64_t value = 0;
    size_t n = strspn(w->at, "0123456789");
    if (!crew_text_u64(w->at, n, &value) || value < least || value > most)
        return false;
    w->at += n;
    *out = (size_t)value;
    return true;
}

static bool letter(struct word *w, char c)
{
    bool there = w->at < w->end && *w->at == c;
    w->at += there;
    return there;
}

/* Outputs along one direction; 0: the window is larger than the image. */
static size_t positions(size_t in, size_t window, size_t stride, size_t pad)
{
    return window <= in + 2 * pad ? (in + 2 * pad - window) / stride + 1 : 0;
}

/* Put a layer with a window on top. */
static crew_status add_window(const struct word *w, const struct crew_layer *l, size_t depth)
{
    struct crew_extent in = w->s->top, out = {0};
    out.height = positions(in.height, l->height, l->stride, l->pad);
    out.width = positions(in.width, l->width, l->stride, l->pad);
    out.depth = depth;
    if (!out.height || !out.width)
        return crew_fail(w->err, CREW_EINVAL,
                         "model cnn: layer %u, '%.*s': its window is larger than the %zu x %zu "
                         "image it gets",
                         w->s->n + 1, (int)(w->end - w->text), w->text, in.height, in.width);
    if (crew_extent_size(out) > INT32_MAX)
        return refuse(w, "more than 2^31 outputs a row");
    return crew_sequential_add(w->s, l, out, w->err);
}

static crew_status add_conv(struct word *w)
{
    struct crew_layer l = {.ops = &crew_layer_conv, .stride = 1};
    size_t channels = 0;
    bool good = number(w, 1, MAX_KERNEL, &l.height) && letter(w, 'x') &&
                number(w, 1, MAX_KERNEL, &l.width) && letter(w, '-') &&
                number(w, 1, MAX_WIDTH, &channels);
    if (good && letter(w, 's'))
        good = number(w, 1, MAX_KERNEL, &l.stride);
    if (good && letter(w, 'p'))
        good = number(w, 0, MAX_KERNEL, &l.pad);
    if (!good || w->at != w->end)
        return refuse(w, "expected convHEIGHTxWIDTH-CHANNELS, then sSTRIDE and pPADDING if "
                         "wanted, as in conv3x3-32 or conv5x5-16s2p2");
    if (l.pad >= l.height || l.pad >= l.width)
        return refuse(w, "the padding must be smaller than the kernel");
    return add_window(w, &l, channels);
}

static crew_status add_pool(struct word *w, const struct crew_layer_ops *ops)
{
    struct crew_layer l = {.ops = ops};
    bool whole = ops == &crew_layer_average_pool && w->at == w->end; /* the mean of the image */
    if (whole) {
        l.height = w->s->top.height;
        l.width = w->s->top.width;
        l.stride = 1;
    } else {
        bool good = number(w, 1, MAX_KERNEL, &l.height);
        l.width = l.stride = l.height;
        if (good && letter(w, 's'))
            good = number(w, 1, MAX_KERNEL, &l.stride);
        if (!good || w->at != w->end)
            return refuse(w, "expected a window and, if it is another, a stride, as in pool2 "
                             "or avgpool3s2; avgpool alone is the mean of the image");
    }
    return add_window(w, &l, w->s->top.depth);
}

static crew_status add_max_pool(struct word *w)
{
    return add_pool(w, &crew_layer_max_pool);
}

static crew_status add_average_pool(struct word *w)
{
    return add_pool(w, &crew_layer_average_pool);
}

static crew_status add_dense(struct word *w)
{
    size_t width = 0;
    if (!number(w, 1, MAX_WIDTH, &width) || w->at != w->end)
        return refuse(w, "expected fcWIDTH, as in fc128");
    return crew_spec_dense(w->s, width, false, w->err);
}

/* Part of the layer below where that one can do it. */
static crew_status add_relu(struct word *w)
{
    struct crew_layer *below = w->s->n ? &w->s->layer[w->s->n - 1] : NULL;
    if (w->at != w->end)
        return refuse(w, "relu has no settings");
    if (below && below->weights) {
        below->relu = true;
        return CREW_OK;
    }
    return crew_sequential_add(w->s, &(struct crew_layer){.ops = &crew_layer_relu}, w->s->top,
                               w->err);
}

static crew_status add_dropout(struct word *w)
{
    double rate;
    if (!crew_text_real(w->at, (size_t)(w->end - w->at), &rate) || rate < 0 || rate > 0.99)
        return refuse(w, "expected dropoutRATE with a rate of 0..0.99, as in dropout0.5");
    return crew_sequential_add(
        w->s, &(struct crew_layer){.ops = &crew_layer_dropout, .rate = (float)rate}, w->s->top,
        w->err);
}

static crew_status add_norm(struct word *w)
{
    struct crew_layer l = {.ops = &crew_layer_norm, .groups = 1};
    if (w->at != w->end && (!number(w, 1, MAX_WIDTH, &l.groups) || w->at != w->end))
        return refuse(w, "expected norm, or normGROUPS as in norm8");
    if (w->s->top.depth % l.groups)
        return refuse(w, "the number of groups must divide that of channels");
    return crew_sequential_add(w->s, &l, w->s->top, w->err);
}

static const struct {
    const char *name;
    crew_status (*add)(struct word *w);
} kinds[] = {{"conv", add_conv}, {"pool", add_max_pool}, {"avgpool", add_average_pool},
             {"fc", add_dense},  {"relu", add_relu},     {"dropout", add_dropout},
             {"norm", add_norm}};

static crew_status add_word(struct word *w)
{
    size_t n = (size_t)(w->end - w->text);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        size_t length = strlen(kinds[k].name);
        if (n < length || strncmp(w->text, kinds[k].name, length))
            continue;
        w->at = w->text + length;
        return kinds[k].add(w);
    }
    return refuse(w, "no such layer; there are conv, pool, avgpool, fc, relu, dropout, norm");
}

crew_status crew_spec_layers(struct crew_sequential *s, const char *text,
                             struct crew_error *err)
{
    for (const char *at = strcmp(text, "paper") ? text : paper; at;) {
        struct word w = {.text = at, .end = at + strcspn(at, ","), .s = s, .err = err};
        TRY(add_word(&w));
        at = *w.end ? w.end + 1 : NULL;
    }
    return CREW_OK;
}
