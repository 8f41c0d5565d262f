/* What is typed after an option, or stands in a configuration: models, optimisers, schedules,
 * lists of policies, seeds and times, synthetic data. Lists are written and read again. */
#include "base/mem.h"
#include "data/synth.h"
#include "fuzz.h"
#include "study/lists.h"
#include "study/scenario.h"
#include "train/network.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool model(const char *text)
{
    static const struct crew_model_shape shapes[] = {{1, 3, 1, 2}, {28, 28, 3, 10}};
    struct crew_error err = {0};
    bool accepted = false;
    for (size_t k = 0; k < 2; k++) {
        crew_network *net;
        struct crew_tensor part;
        size_t at = 0;
        if (!fuzz_accepted(crew_network_create(text, &shapes[k], NULL, NULL, &net, &err), &err))
            continue;
        accepted = true;
        for (uint32_t i = 0; net->ops->tensor(net->model, i, &part); i++) {
            size_t count = 1;
            FUZZ_CHECK(part.n_dims >= 1 && part.n_dims <= 4 && part.offset == at);
            for (uint32_t d = 0; d < part.n_dims; d++)
                FUZZ_CHECK(crew_mul(count, (size_t)part.dims[d], &count) && count);
            at += count;
        }
        FUZZ_CHECK(at == net->n_params && net->ops->workspace_bytes(net->model, 1) % 64 == 0);
        crew_network_destroy(net);
    }
    return accepted;
}

static bool optimizer(const char *text)
{
    float params[3] = {1, 2, 3}, grad[3] = {0.5f, -1, 0};
    crew_optimizer *o;
    struct crew_error err = {0};
    if (!fuzz_accepted(crew_optimizer_create(text, 0.9, 3, &o, &err), &err))
        return false;
    FUZZ_CHECK(crew_optimizer_default_lr(o) > 0 && crew_optimizer_bytes(text, 3) < 1000);
    for (int i = 0; i < 3; i++) {
        crew_optimizer_begin(o);
        crew_optimizer_step(o, 1e-3, 1, grad, params, 0, 3);
    }
    FUZZ_CHECK(isfinite(params[0]) && isfinite(params[1]) && isfinite(params[2]));
    crew_optimizer_destroy(o);
    return true;
}

static bool schedule(const char *text)
{
    struct crew_schedule s;
    struct crew_error err = {0};
    bool accepted = false;
    for (double epochs = 0; epochs < 100; epochs += 30)
        if (fuzz_accepted(crew_schedule_parse(text, epochs, &s, &err), &err)) {
            accepted = true;
            for (double done = 0; done < 40; done += 2.5) {
                double factor = crew_schedule_at_epoch(&s, done);
                FUZZ_CHECK(factor >= 0 && factor <= 1 + 1e-12);
            }
        }
    return accepted;
}

static bool policies(const char *text)
{
    struct crew_policy_list list, again;
    struct crew_error err = {0};
    bool ok = fuzz_accepted(crew_policy_list_parse(text, &list, &err), &err);
    if (ok) {
        char *joined = malloc(strlen(text) + 1), *at = joined;
        FUZZ_CHECK(joined && list.n >= 1);
        for (size_t i = 0; i < list.n; i++)
            at += sprintf(at, "%s%s", i ? "," : "", list.name[i]);
        FUZZ_CHECK(!strcmp(joined, text));
        FUZZ_CHECK(crew_policy_list_parse(joined, &again, &err) == CREW_OK &&
                   again.n == list.n);
        crew_policy_list_free(&again);
        free(joined);
    }
    crew_policy_list_free(&list);
    return ok;
}

static bool seeds(const char *text)
{
    uint64_t *seed = NULL;
    size_t n;
    struct crew_error err = {0};
    bool ok = fuzz_accepted(crew_seeds_parse(text, &seed, &n, &err), &err);
    FUZZ_CHECK(!ok || n >= 1);
    crew_free(seed);
    return ok;
}

static bool times(const char *text)
{
    double *t, *u;
    size_t n, m;
    struct crew_error err = {0};
    if (*text == '@' || !fuzz_accepted(crew_times_read(text, &t, &n, &err), &err))
        return false;
    char *shown = malloc(26 * n + 1), *at = shown;
    FUZZ_CHECK(shown && n >= 1);
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%.17g%s", t[i], i + 1 < n ? ", " : "");
    FUZZ_CHECK(crew_times_read(shown, &u, &m, &err) == CREW_OK && m == n);
    FUZZ_CHECK(memcmp(t, u, n * sizeof *t) == 0 && t[n - 1] > 0);
    crew_times_free(t);
    crew_times_free(u);
    free(shown);
    return true;
}

static bool synthetic(const char *text)
{
    struct crew_table t = {0};
    struct crew_error err = {0};
    bool ok =
        crew_synth_is(text) && fuzz_accepted(crew_synth_make(text, 1, 1 << 14, &t, &err), &err);
    if (ok)
        FUZZ_CHECK(t.rows >= t.names.n && t.names.n >= 2 && t.rows * t.features <= 1 << 12 &&
                   isfinite(t.x[t.rows * t.features - 1]));
    crew_table_free(&t);
    return ok;
}

static bool scenario(const char *text)
{
    crew_speeds *s = NULL;
    struct crew_error err = {0};
    bool ok = fuzz_accepted(crew_scenario_create(text, 5, &s, &err), &err);
    FUZZ_CHECK(!ok || crew_speeds_n(s) == 5);
    crew_speeds_destroy(s);
    return ok;
}

static bool run(const uint8_t *data, size_t n)
{
    char *text = fuzz_text(data, n);
    bool accepted = model(text);
    accepted |= optimizer(text);
    accepted |= schedule(text);
    accepted |= policies(text);
    accepted |= seeds(text);
    accepted |= times(text);
    accepted |= synthetic(text);
    accepted |= scenario(text);
    free(text);
    return accepted;
}

/* A number of two bytes is 26 as it is shown here; synthetic classes and names. */
const struct fuzz_target fuzz_target = {
    .name = "spec", .run = run, .bytes_each = 40, .bytes_more = 131072, .longest = 4096};
