#include "cli/query.h"
#include <string.h>

void query_options(struct crew_option *out)
{
    static const char *const names[QUERY_OPTIONS] = {
        "data", "label", "missing", "max-input-bytes", "data-map", NULL};
    pick_options(crew_data_options(), names, out);
    out[0].value = ""; /* no default: it would answer about rows that nobody asked about */
    out[0].help =
        "rows: a name of `crew list datasets`, a file, a folder, or - for standard input";
}

crew_status query_open(struct query *q, const char *path, bool labels, struct crew_error *err)
{
    crew_status status = crew_network_load(path, &q->net, err);
    if (status != CREW_OK)
        return status;
    crew_network_info(q->net, &q->model);
    const struct crew_data_expect expect = {q->model.features,
                                            labels ? q->model.shape.classes : 0,
                                            q->model.class_names, &q->model.scaler};
    limit_to_memory(&q->cfg);
    status = crew_data_open_for(&q->cfg, &expect, &q->data, err);
    if (status != CREW_OK)
        return status;
    crew_dataset_info(q->data, &q->rows);
    if (labels && !q->rows.classes) {
        snprintf(err->text, sizeof err->text, "%s has no labels",
                 strcmp(q->cfg.data, "-") ? q->cfg.data : "standard input");
        return CREW_EFORMAT;
    }
    return CREW_OK;
}

void query_close(struct query *q)
{
    crew_dataset_destroy(q->data);
    crew_network_destroy(q->net);
}

const char *query_class(const struct query *q, uint32_t i, char number[16])
{
    if (q->model.class_names)
        return q->model.class_names[i];
    snprintf(number, 16, "%u", i);
    return number;
}
