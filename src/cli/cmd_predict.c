#include "cli/query.h"
#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024 }; /* rows at a time: memory stays small however many there are */

struct predict {
    struct query query;
    bool proba, json;
    char **name; /* [classes] as they are printed: plain, or quoted for CSV or JSON */
};

#define FLAG(NAME, FIELD, HELP)                                                            \
    {                                                                                      \
        .name = NAME, .type = CREW_OPTION_FLAG, .offset = offsetof(struct predict, FIELD), \
        .help = HELP                                                                       \
    }

static const struct crew_option own_options[] = {
    FLAG("proba", proba, "print the probability of every class, as CSV"),
    FLAG("json", json, "print one JSON object"),
    {.type = CREW_OPTION_END},
};

/* RFC 4180: quoted where a comma, a quote or a line break stands in it. */
static char *quote_csv(const char *s)
{
    char *out = malloc(2 * strlen(s) + 3), *at = out;
    if (!out)
        return NULL;
    bool plain = !s[strcspn(s, ",\"\r\n")];
    if (!plain)
        *at++ = '"';
    for (; *s; s++) {
        if (*s == '"')
            *at++ = '"';
        *at++ = *s;
    }
    if (!plain)
        *at++ = '"';
    *at = '\0';
    return out;
}

static char *quote_json(const char *s)
{
    json_t *text = json_string(s); /* names come from a JSON header: they are UTF-8 */
    char *out = json_dumps(text, JSON_ENCODE_ANY);
    json_decref(text);
    return out;
}

static crew_status name_classes(struct predict *p)
{
    uint32_t classes = p->query.model.shape.classes;
    char number[16];
    if (!(p->name = calloc(classes, sizeof *p->name)))
        return CREW_ENOMEM;
    for (uint32_t i = 0; i < classes; i++) {
        const char *s = query_class(&p->query, i, number);
        p->name[i] = p->json ? quote_json(s) : p->proba ? quote_csv(s) : strdup(s);
        if (!p->name[i])
            return CREW_ENOMEM;
    }
    return CREW_OK;
}

/* 9 digits bring a float back exactly. What is none, of weights that are too large or none, has
 * a sign that says nothing, and JSON has no word for it. */
static void print_number(const struct predict *p, double x)
{
    if (isfinite(x))
        printf("%.9g", x);
    else
        fputs(p->json ? "null" : "nan", stdout);
}

/* name or number, number, ... of one row */
static void print_list(const struct predict *p, const float *probability)
{
    for (uint32_t j = 0; j < p->query.model.shape.classes; j++) {
        if (j)
            putchar(',');
        if (probability)
            print_number(p, (double)probability[j]);
        else
            fputs(p->name[j], stdout);
    }
}

static uint32_t most_likely(const float *probability, uint32_t classes)
{
    uint32_t best = 0;
    for (uint32_t j = 1; j < classes; j++)
        best = probability[j] > probability[best] ? j : best;
    return best;
}

/* One JSON object: "classes", then "predicted" (names) or "probability" (a list a row). */
static void print_head(const struct predict *p)
{
    if (!p->json && !p->proba)
        return;
    if (p->json)
        fputs("{\"classes\":[", stdout);
    print_list(p, NULL);
    if (p->json)
        printf("],\"%s\":[", p->proba ? "probability" : "predicted");
    putchar('\n');
}

static void print_rows(const struct predict *p, const float *probability, size_t first,
                       size_t n)
{
    uint32_t classes = p->query.model.shape.classes;
    for (size_t i = 0; i < n; i++, probability += classes) {
        if (p->json && first + i)
            fputs(",\n", stdout);
        if (p->json && p->proba)
            putchar('[');
        if (p->proba)
            print_list(p, probability);
        else
            fputs(p->name[most_likely(probability, classes)], stdout);
        if (p->json && p->proba)
            putchar(']');
        if (!p->json)
            putchar('\n');
    }
}

static crew_status predict(struct predict *p, struct crew_error *err)
{
    const struct query *q = &p->query;
    uint32_t row[BLOCK];
    float *x = malloc(BLOCK * sizeof *x * q->model.features),
          *probability = malloc(BLOCK * sizeof *probability * q->model.shape.classes);
    crew_status status = x && probability ? name_classes(p) : CREW_ENOMEM;
    if (status == CREW_OK)
        print_head(p);
    for (size_t at = 0; at < q->rows.rows && status == CREW_OK && !ferror(stdout);
         at += BLOCK) {
        size_t n = q->rows.rows - at < BLOCK ? q->rows.rows - at : BLOCK;
        for (size_t i = 0; i < n; i++)
            row[i] = (uint32_t)(at + i);
        crew_dataset_gather(q->data, row, n, x, NULL);
        status = crew_network_predict(q->net, x, n, probability);
        if (status == CREW_OK)
            print_rows(p, probability, at, n);
    }
    if (status == CREW_OK && p->json)
        puts("\n]}");
    if (status != CREW_OK)
        snprintf(err->text, sizeof err->text, "no memory for %d rows at a time", BLOCK);
    free(x);
    free(probability);
    return status;
}

int run_predict(const struct command *self, int argc, char **argv)
{
    struct predict p = {.json = false};
    struct crew_option data_options[QUERY_OPTIONS];
    struct crew_error err = {.status = CREW_OK};
    int first;
    query_options(data_options);
    crew_data_config_init(&p.query.cfg);
    const struct parser parser = {.command = self,
                                  .group = {{data_options, &p.query.cfg}, {own_options, &p}},
                                  .n_groups = 2,
                                  .least = 1,
                                  .most = 1};
    int code = parse_options(&parser, argc, argv, &first);
    if (code >= 0)
        return code;
    if (!p.query.cfg.data[0])
        return usage_error(self,
                           "--data is missing: the rows to predict, - for standard input");
    crew_status status = query_open(&p.query, argv[first], false, &err);
    if (status == CREW_OK)
        status = predict(&p, &err);
    code = status == CREW_OK ? finish(self, 0) : fail(self, status, &err);
    for (uint32_t i = 0; p.name && i < p.query.model.shape.classes; i++)
        free(p.name[i]);
    free(p.name);
    query_close(&p.query);
    return code;
}
