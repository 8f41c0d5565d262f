#include "model/loss.h"
#include <math.h>
#include <string.h>

/* exp(x) for x <= 0, to 2 units in the last place; 0 below -87. x = n ln 2 + r with |r| <= ln 2
 * / 2, ln 2 in two parts so that n times the first is exact (Cody and Waite 1980); exp(r) by
 * its Taylor polynomial of degree 7, error below 2^-27. n is read off the bits of x / ln 2
 * + 1.5 2^23: adding that rounds to a whole number. Exact operations only, so the same bits
 * everywhere, and NaN stays NaN. */
static inline float exp_negative(float x)
{
    const float magic = 12582912.0f;
    float t = (x < -87.0f ? -87.0f : x) * 1.44269504f + magic;
    float n = t - magic;
    float r = ((x < -87.0f ? -87.0f : x) - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    uint32_t bits;
    float scale;
    memcpy(&bits, &t, sizeof bits);
    bits = (bits << 23) + 0x3f800000u; /* 2^n: the low bits of t are n, the rest shifts out */
    memcpy(&scale, &bits, sizeof scale);
    p *= scale;
    return x < -87.0f ? 0.0f : p;
}

/* z -= the largest of its row: the same probabilities, and no exponential overflows. */
static void shift_rows(float *z, size_t rows, size_t classes)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = z + r * classes, most = row[0];
        for (size_t j = 1; j < classes; j++)
            most = row[j] > most ? row[j] : most;
        for (size_t j = 0; j < classes; j++)
            row[j] -= most;
    }
}

static void exp_all(float *z, size_t n)
{
    for (size_t i = 0; i < n; i++)
        z[i] = exp_negative(z[i]);
}

static float row_sum(const float *row, size_t classes)
{
    float sum = 0;
    for (size_t j = 0; j < classes; j++)
        sum += row[j];
    return sum;
}

void crew_softmax(float *z, size_t rows, size_t classes)
{
    shift_rows(z, rows, classes);
    exp_all(z, rows * classes);
    for (size_t r = 0; r < rows; r++) {
        float scale = 1.0f / row_sum(z + r * classes, classes);
        for (size_t j = 0; j < classes; j++)
            z[r * classes + j] *= scale;
    }
}

double crew_softmax_loss(float *z, const uint32_t *label, size_t rows, size_t classes,
                         float weight)
{
    double loss = 0; /* cross-entropy = log(sum of exp z) - z[label] */
    shift_rows(z, rows, classes);
    for (size_t r = 0; r < rows; r++)
        loss -= (double)z[r * classes + label[r]];
    exp_all(z, rows * classes);
    for (size_t r = 0; r < rows; r++) {
        float *row = z + r * classes, sum = row_sum(row, classes), scale = weight / sum;
        loss += log((double)sum);
        for (size_t j = 0; j < classes; j++)
            row[j] *= scale;
        row[label[r]] -= weight;
    }
    return loss * (double)weight;
}

void crew_fill_bias(float *y, const float *bias, size_t rows, size_t width)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * width, bias, width * sizeof *y);
}
