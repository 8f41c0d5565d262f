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

#endif
