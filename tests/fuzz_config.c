/* Configurations, from a file of their own or from a log's first line: what is accepted is
 * written as a run's log does and read again. */
#include "fuzz.h"
#include "study/facts.h"
#include <crew/crew.h>
#include <jansson.h>
#include <stdlib.h>

struct settings {
    struct crew_config train;
    struct crew_data_config data;
};

static bool read_as(const char *path, struct settings *s, void **texts)
{
    struct crew_error err = {0};
    const struct crew_settings set[] = {{crew_train_options(), &s->train},
                                        {crew_data_options(), &s->data}};
    crew_config_init(&s->train);
    crew_data_config_init(&s->data);
    return fuzz_accepted(crew_runlog_config(path, set, 2, texts, &err), &err);
}

static json_t *as_json(struct settings *s)
{
    const struct crew_settings set[] = {{crew_train_options(), &s->train},
                                        {crew_data_options(), &s->data}};
    return crew_settings_as_json(set, 2);
}

static bool run(const uint8_t *data, size_t n)
{
    struct settings a, b;
    void *texts, *again;
    bool ok = read_as(fuzz_file(data, n), &a, &texts);
    if (ok) {
        json_t *first = as_json(&a),
               *event = json_pack("{s:s, s:O}", "event", "start", "config", first);
        char *text = json_dumps(event, JSON_COMPACT);
        FUZZ_CHECK(text);
        if (!read_as(fuzz_file(text, strlen(text)), &b, &again))
            fuzz_fail("what was written is refused: %.300s", text);
        json_t *second = as_json(&b);
        FUZZ_CHECK(json_equal(first, second));
        json_decref(first);
        json_decref(second);
        json_decref(event);
        free(text);
        crew_runlog_config_free(again);
    }
    crew_runlog_config_free(texts);
    return ok;
}

/* JSON takes up to eighty bytes for one; that of all settings, twice. */
const struct fuzz_target fuzz_target = {
    .name = "config", .run = run, .bytes_each = 200, .bytes_more = 131072};
