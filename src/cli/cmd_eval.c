#include "cli/classes.h"
#include "cli/json.h"
#include <stddef.h>
#include <stdlib.h>

struct eval {
    struct query query;
    bool confusion, per_class, json;
    struct crew_evaluation result;
    uint64_t *count; /* [classes][classes] by true and predicted class; NULL: not wanted */
    struct class_figures *figures; /* [classes] with count */
};

#define FLAG(NAME, FIELD, HELP)                                                         \
    {                                                                                   \
        .name = NAME, .type = CREW_OPTION_FLAG, .offset = offsetof(struct eval, FIELD), \
        .help = HELP                                                                    \
    }

static const struct crew_option own_options[] = {
    FLAG("confusion", confusion, "show which classes are taken for which"),
    FLAG("per-class", per_class, "show precision, recall and F1 of each class"),
    FLAG("json", json, "print one JSON object instead of tables"),
    {.type = CREW_OPTION_END},
};

static crew_status measure(struct eval *e, struct crew_error *err)
{
    size_t classes = e->query.model.shape.classes;
    if (e->confusion || e->per_class) {
        /* 65,536 classes would take 32 GiB: asked first, as untouched memory is promised
         * freely. */
        if (classes * classes * sizeof *e->count < crew_machine_free_bytes()) {
            e->count = calloc(classes * classes, sizeof *e->count);
            e->figures = calloc(classes, sizeof *e->figures);
        }
        if (!e->count || !e->figures) {
            snprintf(err->text, sizeof err->text, "no memory for a table of %zu x %zu classes",
                     classes, classes);
            return CREW_ENOMEM;
        }
    }
    crew_status status =
        crew_network_evaluate(e->query.net, e->query.data, &e->result, e->count, err);
    if (status == CREW_OK && e->count)
        class_figures(e->count, (uint32_t)classes, e->figures);
    return status;
}

static void print_text(const struct eval *e)
{
    const struct crew_evaluation *r = &e->result;
    printf("accuracy %.4f (%llu of %llu rows)\nloss     %.4f\n", r->accuracy,
           (unsigned long long)r->correct, (unsigned long long)r->rows, r->loss);
    if (e->per_class)
        print_classes(stdout, &e->query, e->figures);
    if (e->confusion)
        print_confusion(stdout, &e->query, e->count, e->figures);
}

static void print_json(const struct eval *e)
{
    const struct crew_evaluation *r = &e->result;
    json_t *o = json_pack("{s:s, s:o, s:I, s:I, s:f, s:o}", "model", e->query.model.model,
                          "data", text_or_null(e->query.cfg.data), "rows", (json_int_t)r->rows,
                          "correct", (json_int_t)r->correct, "accuracy", r->accuracy, "loss",
                          real_or_null(r->loss));
    if (e->per_class)
        json_object_set_new(o, "per_class", classes_as_json(&e->query, e->figures));
    if (e->confusion)
        json_object_set_new(o, "confusion", confusion_as_json(&e->query, e->count));
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(o);
}

int run_eval(const struct command *self, int argc, char **argv)
{
    struct eval e = {.json = false};
    struct crew_option data_options[QUERY_OPTIONS];
    struct crew_error err = {.status = CREW_OK};
    int first;
    query_options(data_options);
    crew_data_config_init(&e.query.cfg);
    const struct parser p = {.command = self,
                             .group = {{data_options, &e.query.cfg}, {own_options, &e}},
                             .n_groups = 2,
                             .least = 1,
                             .most = 1};
    int code = parse_options(&p, argc, argv, &first);
    if (code >= 0)
        return code;
    if (!e.query.cfg.data[0])
        return usage_error(self, "--data is missing: the rows to measure on");
    crew_status status = query_open(&e.query, argv[first], true, &err);
    if (status == CREW_OK)
        status = measure(&e, &err);
    if (status == CREW_OK && e.json)
        print_json(&e);
    else if (status == CREW_OK)
        print_text(&e);
    code = status == CREW_OK ? finish(self, 0) : fail(self, status, &err);
    free(e.count);
    free(e.figures);
    query_close(&e.query);
    return code;
}
