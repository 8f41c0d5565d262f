/* Dense networks; see registry.c. */
#ifndef CREW_MODEL_MLP_H
#define CREW_MODEL_MLP_H

#include <crew/model.h>

extern const struct crew_model_ops crew_model_softmax, crew_model_mlp;

#endif
