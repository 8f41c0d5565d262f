/* Softmax and cross-entropy, and the other element-wise parts of dense networks. Plain loops
 * over restrict pointers that compilers turn into vector code; no reduction is reordered, so
 * the bits do not depend on the vector width. */
#ifndef CREW_MODEL_LOSS_H
#define CREW_MODEL_LOSS_H

#include <stddef.h>
#include <stdint.h>

/* z [rows][classes] in place: logits -> probabilities. */
void crew_softmax(float *z, size_t rows, size_t classes);

/* z [rows][classes] in place: logits -> weight * (probability - [class = label]), the gradient
 * of the weighted sum of cross-entropies; returns that sum, in nats. */
double crew_softmax_loss(float *z, const uint32_t *label, size_t rows, size_t classes,
                         float weight);

/* y[r][j] = bias[j] */
void crew_fill_bias(float *y, const float *bias, size_t rows, size_t width);
/* y = max(y, 0); NaN stays */
void crew_relu(float *y, size_t n);
/* d[i] = 0 where y[i] is not positive: the way back through relu, y being its output */
void crew_relu_back(float *d, const float *y, size_t n);
/* sum[j] = sum over rows of d[r][j], top to bottom */
void crew_sum_rows(float *sum, const float *d, size_t rows, size_t width);

#endif
