/* Layers in words: "256,128", the widths of dense ones; "conv3x3-32,relu,pool2,fc128,relu". */
#ifndef CREW_MODEL_SPEC_H
#define CREW_MODEL_SPEC_H

#include "model/sequential.h"

/* Put the layers on top of s; messages name the word. */
CREW_CHECKED crew_status crew_spec_widths(struct crew_sequential *s, const char *text,
                                          struct crew_error *err);
CREW_CHECKED crew_status crew_spec_layers(struct crew_sequential *s, const char *text,
                                          struct crew_error *err);
/* A dense layer of that width. */
CREW_CHECKED crew_status crew_spec_dense(struct crew_sequential *s, size_t width, bool relu,
                                         struct crew_error *err);

#endif
