/* The file format safetensors: 8 bytes with the header's length, a JSON header, the tensors'
 * bytes. Text in __metadata__. Reading believes nothing: every length and product is checked
 * before it is used, and so is the checksum of a sealed file. */
#ifndef CREW_TRAIN_SAFETENSORS_H
#define CREW_TRAIN_SAFETENSORS_H

#include <crew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum crew_st_type { CREW_ST_F32, CREW_ST_F64, CREW_ST_I64, CREW_ST_U8 };

struct crew_st_tensor {
    const char *name;
    enum crew_st_type type;
    uint32_t n_dims;
    uint64_t dims[4];
    const void *data; /* little-endian in files; hosts are too, checked when built. Written ones
                         are aligned; read ones of 8 bytes an element may be not: copy them */
    size_t count;     /* product of dims */
};

struct crew_st_meta {
    const char *key, *value;
};

/* Those of larger elements come first. seal: a last tensor "checksum" holds a hash of every
 * byte before it. */
CREW_CHECKED crew_status crew_st_write(const char *path, bool replace, bool seal,
                                       const struct crew_st_meta *meta, size_t n_meta,
                                       const struct crew_st_tensor *tensor, size_t n_tensors,
                                       struct crew_error *err);

typedef struct crew_st_file crew_st_file;

/* CREW_EINPUT, CREW_EFORMAT (damaged, too), CREW_ENOMEM. */
CREW_CHECKED crew_status crew_st_read(const char *path, crew_st_file **out,
                                      struct crew_error *err);
const char *crew_st_meta(const crew_st_file *f, const char *key); /* NULL: absent */
bool crew_st_sealed(const crew_st_file *f);
/* The tensor of that name and type, or NULL. Its strings and data belong to the file. */
const struct crew_st_tensor *crew_st_find(const crew_st_file *f, const char *name,
                                          enum crew_st_type type);
void crew_st_close(crew_st_file *f); /* NULL is fine */

#endif
