/* The file format safetensors: 8 bytes with the header's length, a JSON header, the tensors'
 * bytes. Only float32 tensors and text in __metadata__. Reading believes nothing: every length
 * and product is checked before it is used. */
#ifndef CREW_TRAIN_SAFETENSORS_H
#define CREW_TRAIN_SAFETENSORS_H

#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crew_st_tensor {
    const char *name;
    uint32_t n_dims;
    uint64_t dims[4];
    const float *data; /* little-endian in files; hosts are too, checked when built */
    size_t count;      /* product of dims */
};

struct crew_st_meta {
    const char *key, *value;
};

CREW_CHECKED crew_status crew_st_write(const char *path, bool replace,
                                       const struct crew_st_meta *meta, size_t n_meta,
                                       const struct crew_st_tensor *tensor, size_t n_tensors,
                                       struct crew_error *err);

typedef struct crew_st_file crew_st_file;

CREW_CHECKED crew_status crew_st_read(const char *path, crew_st_file **out,
                                      struct crew_error *err);
const char *crew_st_meta(const crew_st_file *f, const char *key); /* NULL: absent */
/* The tensor called name, or NULL. Its strings and data belong to the file. */
const struct crew_st_tensor *crew_st_find(const crew_st_file *f, const char *name);
void crew_st_close(crew_st_file *f); /* NULL is fine */

#endif
