/* Convolution of images, directly: no copy of their patches is made. A kernel row covers width
 * x depth floats of an input row that lie side by side, so a row of outputs is a matrix product
 * whose left side is read in place. Weights are packed by CREW_BLOCK output channels.
 *
 *   y[i][j][c] = b[c] + sum over r, s, k of x[i t + r - p][j t + s - p][k] W[r][s][k][c]
 *
 * t: stride, p: zeros around. Back to x, the same loop runs over the outputs' gradient, spread
 * by the stride and with a border of zeros, and over W turned by half a turn. */
#include "base/mem.h"
#include "model/layer.h"
#include <string.h>

/* An image with a border, rows of whole blocks of channels where it is a gradient. */
struct frame {
    size_t height, width, depth;
};

static size_t frame_size(struct frame f)
{
    return f.height * f.width * f.depth;
}

static size_t blocked(size_t channels)
{
    return crew_round_up(channels, CREW_BLOCK);
}

/* The input as forward() reads it. */
static struct frame input_frame(const struct crew_layer *l)
{
    return (struct frame){l->in.height + 2 * l->pad, l->in.width + 2 * l->pad, l->in.depth};
}

/* The outputs' gradient as backward() reads it. */
static struct frame gradient_frame(const struct crew_layer *l)
{
    return (struct frame){l->in.height + l->height - 1, l->in.width + l->width - 1,
                          blocked(l->out.depth)};
}

/* Packed: [blocks][height][width][depth][CREW_BLOCK], of W or its gradient, or of W turned. */
static size_t packed_size(const struct crew_layer *l)
{
    return l->height * l->width * l->in.depth * blocked(l->out.depth);
}

static size_t turned_size(const struct crew_layer *l)
{
    return l->height * l->width * blocked(l->out.depth) * blocked(l->in.depth);
}

static size_t scratch(const struct crew_layer *l, size_t rows)
{
    (void)rows;
    return (l->pad ? frame_size(input_frame(l)) : 0) + frame_size(gradient_frame(l)) +
           packed_size(l) + turned_size(l) + blocked(l->out.depth) + CREW_BLOCK;
}

static size_t dims(const struct crew_layer *l, struct crew_tensor *weight)
{
    const uint64_t d[4] = {l->height, l->width, l->in.depth, l->out.depth};
    weight->n_dims = 4;
    memcpy(weight->dims, d, sizeof d);
    return l->height * l->width * l->in.depth;
}

/* to[blocks][n][CREW_BLOCK] = from[n][channels], zeros beyond the last channel. */
static void pack(float *restrict to, const float *restrict from, size_t n, size_t channels)
{
    for (size_t c = 0; c < channels; c += CREW_BLOCK) {
        size_t lanes = channels - c < CREW_BLOCK ? channels - c : CREW_BLOCK;
        for (size_t k = 0; k < n; k++, to += CREW_BLOCK) {
            memset(to, 0, CREW_BLOCK * sizeof *to);
            memcpy(to, from + k * channels + c, lanes * sizeof *to);
        }
    }
}

/* to[n][channels] (+)= from[blocks][n][CREW_BLOCK] */
static void unpack(float *restrict to, const float *restrict from, size_t n, size_t channels,
                   bool add)
{
    for (size_t c = 0; c < channels; c += CREW_BLOCK) {
        size_t lanes = channels - c < CREW_BLOCK ? channels - c : CREW_BLOCK;
        for (size_t k = 0; k < n; k++, from += CREW_BLOCK)
            for (size_t j = 0; j < lanes; j++) {
                float *at = &to[k * channels + c + j];
                *at = add ? *at + from[j] : from[j];
            }
    }
}

/* Input and output channels change places, both directions are reversed:
 * to[blocks of in][height][width][blocked out][CREW_BLOCK] */
static void turn(const struct crew_layer *l, float *restrict to, const float *restrict w)
{
    size_t in = l->in.depth, out = l->out.depth, taps = l->height * l->width;
    memset(to, 0, turned_size(l) * sizeof *to);
    for (size_t t = 0; t < taps; t++)
        for (size_t k = 0; k < in; k++) {
            float *at = to + k / CREW_BLOCK * taps * blocked(out) * CREW_BLOCK +
                        (taps - 1 - t) * blocked(out) * CREW_BLOCK + k % CREW_BLOCK;
            for (size_t c = 0; c < out; c++)
                at[c * CREW_BLOCK] = w[(t * in + k) * out + c];
        }
}

/* The image inside a border of zeros, which are there already. */
static const float *put_in_frame(const struct crew_layer *l, const float *x, float *frame)
{
    if (!l->pad)
        return x;
    struct frame f = input_frame(l);
    size_t row = l->in.width * l->in.depth;
    for (size_t i = 0; i < l->in.height; i++)
        memcpy(frame + ((i + l->pad) * f.width + l->pad) * f.depth, x + i * row,
               row * sizeof *x);
    return frame;
}

static void forward(const struct crew_layer *l, const struct crew_pass *pass, const float *x,
                    float *y)
{
    struct frame f = input_frame(l);
    size_t channels = l->out.depth, size = crew_extent_size(l->in);
    float *packed = pass->scratch, *bias = packed + packed_size(l),
          *frame = bias + blocked(channels);
    size_t block = packed_size(l) / (blocked(channels) / CREW_BLOCK);
    pack(packed, pass->params + l->weight, l->height * l->width * l->in.depth, channels);
    pack(bias, pass->params + l->bias, 1, channels);
    if (l->pad)
        memset(frame, 0, frame_size(f) * sizeof *frame);
    struct crew_conv_row row = {.n = l->out.width,
                                .taps = l->height,
                                .depth = l->width * l->in.depth,
                                .in_row = f.width * f.depth,
                                .step = l->stride * f.depth,
                                .relu = l->relu,
                                .out_step = channels};
    for (size_t r = 0; r < pass->rows; r++, x += size, y += crew_extent_size(l->out)) {
        const float *image = put_in_frame(l, x, frame);
        for (size_t c = 0; c < channels; c += CREW_BLOCK) {
            row.weight = packed + c / CREW_BLOCK * block;
            row.bias = bias + c;
            row.lanes = channels - c < CREW_BLOCK ? channels - c : CREW_BLOCK;
            for (size_t i = 0; i < l->out.height; i++) {
                row.in = image + i * l->stride * row.in_row;
                row.out = y + i * l->out.width * channels + c;
                pass->kernels->conv_row(&row);
            }
        }
    }
}

/* What backward() works with. */
struct back {
    const struct crew_layer *l;
    const struct crew_kernels *kernels;
    struct frame in, d;
    float *weights; /* gradient, packed */
    float *biases;
    float *turned;      /* W; NULL: the input's gradient is not wanted */
    float *zeros;       /* [CREW_BLOCK] */
    float *input, *out; /* frames */
};

/* The outputs' gradient into its frame, and its sum into that of the biases. */
static void spread(const struct back *b, const float *dy, const float *y)
{
    const struct crew_layer *l = b->l;
    size_t row = l->out.width * l->out.depth, down = l->height - 1 - l->pad,
           right = l->width - 1 - l->pad;
    for (size_t i = 0; i < l->out.height; i++)
        b->kernels->spread(b->out + ((i * l->stride + down) * b->d.width + right) * b->d.depth,
                           l->stride * b->d.depth, dy + i * row, l->relu ? y + i * row : NULL,
                           b->biases, l->out.width, l->out.depth);
}

static void weights_gradient(const struct back *b, const float *image)
{
    const struct crew_layer *l = b->l;
    size_t down = l->height - 1 - l->pad, right = l->width - 1 - l->pad;
    struct crew_conv_gradient g = {.rows = l->out.height,
                                   .n = l->out.width,
                                   .depth = l->width * l->in.depth,
                                   .in_row = l->stride * b->in.width * b->in.depth,
                                   .step = l->stride * b->in.depth,
                                   .d_row = l->stride * b->d.width * b->d.depth,
                                   .d_step = l->stride * b->d.depth,
                                   .grad = b->weights};
    for (size_t c = 0; c < l->out.depth; c += CREW_BLOCK)
        for (size_t r = 0; r < l->height; r++) {
            g.in = image + r * b->in.width * b->in.depth;
            g.d = b->out + (down * b->d.width + right) * b->d.depth + c;
            b->kernels->conv_gradient(&g);
            g.grad += g.depth * CREW_BLOCK;
        }
}

/* The kernel rows that meet more than the frame's border from output row i on: [*first, end).
 */
static size_t taps_inside(const struct crew_layer *l, size_t i, size_t *first)
{
    size_t above = l->height - 1 - l->pad, end = above + (l->out.height - 1) * l->stride + 1;
    *first = i < above ? above - i : 0;
    end = end > i ? end - i : 0;
    end = end < l->height ? end : l->height;
    return end > *first ? end - *first : 0;
}

static void input_gradient(const struct back *b, float *dx)
{
    const struct crew_layer *l = b->l;
    const float *block = b->turned;
    struct crew_conv_row row = {.n = l->in.width,
                                .depth = l->width * b->d.depth,
                                .in_row = b->d.width * b->d.depth,
                                .step = b->d.depth,
                                .bias = b->zeros,
                                .out_step = l->in.depth};
    for (size_t k = 0; k < l->in.depth; k += CREW_BLOCK) {
        row.lanes = l->in.depth - k < CREW_BLOCK ? l->in.depth - k : CREW_BLOCK;
        for (size_t i = 0; i < l->in.height; i++) {
            size_t first;
            row.taps = taps_inside(l, i, &first);
            row.in = b->out + (i + first) * row.in_row;
            row.weight = block + first * row.depth * CREW_BLOCK;
            row.out = dx + i * l->in.width * l->in.depth + k;
            b->kernels->conv_row(&row);
        }
        block += l->height * row.depth * CREW_BLOCK;
    }
}

/* Everything but the packed gradient is one image's at a time, so it stays in a near cache. */
static void backward(const struct crew_layer *l, const struct crew_pass *pass, const float *x,
                     const float *y, float *dy, float *dx, bool add, float *grad)
{
    struct back b = {.l = l, .kernels = pass->kernels, .in = input_frame(l)};
    b.d = gradient_frame(l);
    b.weights = pass->scratch;
    b.biases = b.weights + packed_size(l);
    b.zeros = b.biases + blocked(l->out.depth);
    b.out = b.zeros + CREW_BLOCK;
    b.input = b.out + frame_size(b.d);
    b.turned = b.input + (l->pad ? frame_size(b.in) : 0);
    memset(pass->scratch, 0, (size_t)(b.turned - pass->scratch) * sizeof *dy);
    if (dx)
        turn(l, b.turned, pass->params + l->weight);
    for (size_t r = 0; r < pass->rows; r++) {
        size_t out = crew_extent_size(l->out);
        spread(&b, dy + r * out, y + r * out);
        weights_gradient(&b, put_in_frame(l, x + r * crew_extent_size(l->in), b.input));
        if (dx)
            input_gradient(&b, dx + r * crew_extent_size(l->in));
    }
    unpack(grad + l->weight, b.weights, l->height * l->width * l->in.depth, l->out.depth, add);
    unpack(grad + l->bias, b.biases, 1, l->out.depth, add);
}

const struct crew_layer_ops crew_layer_conv = {
    .dims = dims, .scratch = scratch, .forward = forward, .backward = backward};
