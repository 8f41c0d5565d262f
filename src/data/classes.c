#include "data/classes.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/number.h"
#include <stdlib.h>
#include <string.h>

struct key {
    const char *name;
    double value; /* of the whole number that the name is */
};

static int by_value(const void *a, const void *b)
{
    double x = ((const struct key *)a)->value, y = ((const struct key *)b)->value;
    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct key *)a)->name, ((const struct key *)b)->name);
}

crew_status crew_classes_of(const struct crew_table *t, const char *path,
                            struct crew_names *out, struct crew_error *err)
{
    uint32_t n = t->names.n;
    struct key *key = crew_alloc(n * sizeof *key);
    crew_status status = key ? CREW_OK : CREW_ENOMEM;
    bool numbers = true;
    *out = (struct crew_names){0};
    for (uint32_t i = 0; key && i < n; i++) {
        const char *name = key[i].name = t->names.name[i];
        numbers &= crew_parse_real(name, name + strlen(name), &key[i].value);
    }
    if (key && !t->names_in_order)
        qsort(key, n, sizeof *key, numbers ? by_value : by_name);
    for (uint32_t i = 0, number; status == CREW_OK && i < n; i++)
        status = crew_names_add(out, key[i].name, strlen(key[i].name), 0, &number);
    crew_free(key);
    return status == CREW_OK ? status : crew_table_names_full(path, status, err);
}

crew_status crew_classes_named(const char *const *name, uint32_t n, struct crew_names *out,
                               struct crew_error *err)
{
    *out = (struct crew_names){0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number;
        crew_status status = name ? crew_names_add(out, name[i], strlen(name[i]), 0, &number)
                                  : crew_names_add_int(out, i, 0, &number);
        if (status != CREW_OK)
            return crew_table_names_full("the model", status, err);
        if (number != i)
            return crew_fail(err, CREW_EINVAL, "class name %u is there twice", i);
    }
    return CREW_OK;
}

crew_status crew_classes_apply(const struct crew_names *classes, struct crew_table *t,
                               const char *path, struct crew_error *err)
{
    uint32_t *number = crew_alloc(t->names.n * sizeof *number);
    if (!number)
        return crew_fail(err, CREW_ENOMEM, "not enough memory for the labels of %s", path);
    for (uint32_t i = 0; i < t->names.n; i++) {
        const char *name = t->names.name[i];
        number[i] = crew_names_find(classes, name, strlen(name));
        if (number[i] == CREW_NO_NAME && !t->names_in_order) {
            char shown[48];
            crew_free(number);
            return crew_fail(err, CREW_EFORMAT, "%s, %s %llu: \"%s\" is none of the %u classes",
                             path, t->unit, (unsigned long long)t->names.first[i],
                             crew_shown(name, name + strlen(name), shown), classes->n);
        }
    }
    crew_status status = CREW_OK;
    for (size_t i = 0; status == CREW_OK && i < t->rows; i++) {
        t->label[i] = number[t->label[i]];
        if (t->label[i] ==
            CREW_NO_NAME) /* a class that the file lists and uses, new to the model */
            status = crew_fail(err, CREW_EFORMAT, "%s, row %zu is of none of the %u classes",
                               path, i + 1, classes->n);
    }
    crew_free(number);
    return status;
}
