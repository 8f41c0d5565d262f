/* Data and trainers for the tests of failures. Include testing.h and fault.h first. */
#ifndef CREW_TESTS_FAULT_RIG_H
#define CREW_TESTS_FAULT_RIG_H

#include <crew/crew.h>

static struct crew_data fault_data;

/* Two classes with names, a scaling, validation rows. */
static inline int fault_open(void **state)
{
    char text[4096];
    struct crew_data_config cfg;
    struct crew_error err = {.status = CREW_OK};
    int at = snprintf(text, sizeof text, "a,b,c,label\n");
    for (int i = 0; i < 72; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%d,%d.5,%d,%s\n", i % 7,
                       i % 5 * (i % 2), i * i % 11, i % 2 ? "odd" : "even");
    if (fault_enter(state))
        return 1;
    fault_write_file(fault_path("rows.csv"), text, (size_t)at);
    crew_data_config_init(&cfg);
    cfg.data = fault_path("rows.csv");
    cfg.scale = "standard";
    cfg.val_fraction = 0.2;
    return crew_data_open(&cfg, &fault_data, &err) != CREW_OK;
}

static inline int fault_close(void **state)
{
    crew_data_close(&fault_data);
    return fault_leave(state);
}

static inline void described_machine(void)
{
    setenv("HWLOC_SYNTHETIC", "core:2 pu:1", 1);
}

static inline void real_machine(void)
{
    unsetenv("HWLOC_SYNTHETIC");
}

/* Three rounds an epoch. */
static inline struct crew_config fault_config(void)
{
    struct crew_config cfg;
    crew_config_init(&cfg);
    cfg.model = "mlp:4";
    cfg.workers = 2;
    cfg.task_rows = 4;
    cfg.batch_tasks = 5;
    cfg.epochs = 2;
    cfg.best = true;
    return cfg;
}

static inline crew_trainer *fault_trainer(const struct crew_config *cfg)
{
    crew_trainer *t;
    struct crew_error err = {.status = CREW_OK};
    if (crew_trainer_create(cfg, &fault_data, &t, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return t;
}

static inline uint64_t fault_digest(crew_trainer *t)
{
    struct crew_summary s;
    crew_trainer_summary(t, &s);
    return s.weights_digest;
}

/* Of a run that nobody disturbed. */
static inline uint64_t fault_result(const struct crew_config *cfg)
{
    struct crew_error err;
    crew_trainer *t = fault_trainer(cfg);
    assert_int_equal(crew_trainer_run(t, &err), CREW_OK);
    uint64_t digest = fault_digest(t);
    crew_trainer_destroy(t);
    return digest;
}

#endif
