/* Mean gradient, parameters -> parameters. */
#ifndef CREW_TRAIN_OPTIMIZER_H
#define CREW_TRAIN_OPTIMIZER_H

#include <crew/crew.h>

typedef struct crew_optimizer crew_optimizer;

/* spec: NAME[:SETTINGS]; momentum is the default of sgd's setting. CREW_EINVAL, CREW_ENOMEM. */
CREW_CHECKED crew_status crew_optimizer_create(const char *spec, double momentum,
                                               size_t n_params, crew_optimizer **out,
                                               struct crew_error *err);
void crew_optimizer_destroy(crew_optimizer *o);

/* Learning rate when the user names none. */
double crew_optimizer_default_lr(const crew_optimizer *o);
/* Bytes of state for so many parameters, before anything is taken. 0 for unknown names. */
size_t crew_optimizer_bytes(const char *spec, size_t n_params);

/* One step: begin once, then every parameter in slices [first, first + n), in any order and by
 * any threads at once. The gradient is multiplied by scale first. */
void crew_optimizer_begin(crew_optimizer *o);
void crew_optimizer_step(const crew_optimizer *o, double lr, float scale, const float *grad,
                         float *params, size_t first, size_t n);

/* Its state: vectors [n_params], NULL past the last, and numbers. load(): CREW_EFORMAT. */
float *crew_optimizer_vector(const crew_optimizer *o, unsigned i);
enum { CREW_OPTIMIZER_NUMBERS = 3 };
void crew_optimizer_save(const crew_optimizer *o, double out[CREW_OPTIMIZER_NUMBERS]);
CREW_CHECKED crew_status crew_optimizer_load(crew_optimizer *o, const double *in, size_t n);

#endif
