/* A trained model and the rows it is asked about: what `crew eval` and `crew predict` share. */
#ifndef CREW_CLI_QUERY_H
#define CREW_CLI_QUERY_H

#include "cli/cli.h"

enum { QUERY_OPTIONS = 6 };

struct query {
    struct crew_data_config cfg;
    crew_network *net;
    struct crew_network_info model; /* of net */
    crew_dataset *data;             /* scaled as the model expects */
    struct crew_dataset_info rows;  /* of data */
};

/* The data options that make sense for a model that exists already, [QUERY_OPTIONS] with the
 * closing entry. */
void query_options(struct crew_option *out);

/* Read the model, then the rows; labels: they are needed (CREW_EFORMAT when there are none),
 * else ignored. */
CREW_CHECKED crew_status query_open(struct query *q, const char *path, bool labels,
                                    struct crew_error *err);
void query_close(struct query *q);

/* The name of class i; number: where it is written when the model has no names. */
const char *query_class(const struct query *q, uint32_t i, char number[16]);

#endif
