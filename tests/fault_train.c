/* Every call that can fail does, once and for good, while a trainer is made, runs, saves, goes
 * on from a checkpoint, is asked. The machine is a described one where it only costs time. */
#include "testing.h"

#include "base/error.h"
#include "fault.h"
#include "fault_rig.h"
#include <dirent.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Create, train, destroy ---- */

static struct crew_config chosen;
static uint64_t digest, expected;

static crew_status run_chosen(struct crew_error *err)
{
    crew_trainer *t;
    crew_status status = crew_trainer_create(&chosen, &fault_data, &t, err);
    if (status == CREW_OK)
        status = crew_trainer_run(t, err);
    if (status == CREW_OK)
        digest = fault_digest(t);
    crew_trainer_destroy(t);
    return status;
}

static bool same_weights(crew_status status, const char *failed)
{
    (void)failed;
    return status != CREW_OK || digest == expected;
}

static void training(void **state)
{
    (void)state;
    described_machine();
    chosen = fault_config();
    chosen.on_nan = "rollback";
    chosen.emulate = "0:1x 1:1.001x";
    chosen.optimizer = "sgd:nesterov=yes";
    chosen.schedule = "cosine";
    expected = fault_result(&chosen);
    const struct fault_scenario s = {.name = "train", .run = run_chosen, .after = same_weights};
    fault_try(&s);
}

/* Other weights where fewer threads can be started: then there are fewer shards. */
static void training_on_shards(void **state)
{
    (void)state;
    described_machine();
    chosen = fault_config();
    chosen.policy = "uniform";
    chosen.shards = "worker";
    const struct fault_scenario s = {.name = "shards", .run = run_chosen};
    fault_try(&s);
}

/* The machine itself, where threads are bound: what that fails at is told, and training goes
 * on. */
static void binding(void **state)
{
    (void)state;
    real_machine();
    chosen = fault_config();
    expected = fault_result(&chosen);
    const struct fault_scenario s = {.name = "bind", .run = run_chosen, .after = same_weights};
    fault_try_some(&s, 1u << FAULT_SYSTEM, 1);
}

static crew_status look_at_machine(struct crew_error *err)
{
    const struct crew_machine_request rq = {.cores = "auto", .at_most = 1};
    crew_machine *m;
    crew_status status = crew_machine_create(&rq, &m, err);
    if (status == CREW_OK)
        assert_int_equal(crew_machine_info(m)->n_slots, 1);
    crew_machine_destroy(m);
    return status;
}

static void machine(void **state)
{
    (void)state;
    real_machine();
    const struct fault_scenario s = {.name = "machine", .run = look_at_machine};
    fault_try(&s);
}

/* Virtual workers, their times from a recording too. */
static void virtual_time(void **state)
{
    static char speeds[300];
    static const char recording[] = "round,worker,task,kept,seconds,cpu_seconds,work,flags\n"
                                    "1,0,0,1,0.002,,1,0\n1,0,1,1,0.003,,1,0\n";
    (void)state;
    described_machine();
    fault_write_file(fault_path("tasks.csv"), recording, sizeof recording - 1);
    snprintf(speeds, sizeof speeds, "2*exp(1ms,2ms) replay(%s)", fault_path("tasks.csv"));
    chosen = fault_config();
    chosen.workers = 0;
    chosen.executor = "sim";
    chosen.policy = "fixed";
    chosen.times = "1,2,3.5";
    chosen.speeds = speeds;
    chosen.replay_wrap = true;
    expected = fault_result(&chosen);
    const struct fault_scenario s = {.name = "sim", .run = run_chosen, .after = same_weights};
    fault_try(&s);
}

static void with_profile(void **state)
{
    static char profile[256];
    (void)state;
    described_machine();
    chosen = fault_config();
    chosen.workers = 0;
    chosen.executor = "sim";
    chosen.speeds = "1*1ms 2*2ms";
    snprintf(profile, sizeof profile, "%s", fault_path("profile"));
    crew_trainer *t = fault_trainer(&chosen);
    assert_int_equal(crew_trainer_run(t, NULL), CREW_OK);
    expected = fault_digest(t);
    assert_int_equal(crew_trainer_save_profile(t, profile, true, NULL), CREW_OK);
    crew_trainer_destroy(t);
    chosen.profile = profile;
    chosen.profile_strict = true;
    const struct fault_scenario s = {
        .name = "profile", .run = run_chosen, .after = same_weights, .reads_json = true};
    fault_try(&s);
}

/* ---- What is saved ---- */

static crew_trainer *trainer;
static const char OLD[] = "what was there";

static void train_one(void)
{
    struct crew_error err;
    struct crew_config cfg = fault_config();
    described_machine();
    trainer = fault_trainer(&cfg);
    assert_int_equal(crew_trainer_run(trainer, &err), CREW_OK);
}

static void put_old(void)
{
    fault_remove(fault_path("out"));
    mkdir(fault_path("out"), 0777);
    fault_write_file(fault_path("out/file"), OLD, strlen(OLD));
}

static bool is_old(void)
{
    fault_write_file(fault_path("old"), OLD, strlen(OLD));
    return fault_same_file(fault_path("out/file"), fault_path("old"));
}

/* Written whole, or not at all; nothing half written stays beside it. A disk may fail after the
 * file has got its name; but whatever says that the bytes may not be there is told. */
static unsigned closed; /* times that a close() failed and all was well: of the folder */

static bool whole_or_old(crew_status status, const char *failed)
{
    bool whole = fault_same_file(fault_path("out/file"), fault_path("expected")),
         synced = strcmp(failed, "fsync") != 0, late = status == CREW_EOUTPUT && !synced;
    closed += status == CREW_OK && !strcmp(failed, "close");
    return fault_files(fault_path("out")) == 1 &&
           (status == CREW_OK ? whole && synced : is_old() || (late && whole));
}

/* Once each, and for good. */
static void try_saving(const struct fault_scenario *s)
{
    closed = 0;
    fault_try(s);
    assert_int_equal(closed, 2);
}

static crew_status save_model(struct crew_error *err)
{
    return crew_trainer_save(trainer, fault_path("out/file"), true, err);
}

static crew_status save_profile(struct crew_error *err)
{
    return crew_trainer_save_profile(trainer, fault_path("out/file"), true, err);
}

static void saving(void **state)
{
    (void)state;
    train_one();
    assert_int_equal(crew_trainer_save(trainer, fault_path("expected"), true, NULL), CREW_OK);
    const struct fault_scenario model = {
        .name = "save", .before = put_old, .run = save_model, .after = whole_or_old};
    try_saving(&model);
    assert_int_equal(crew_trainer_save_profile(trainer, fault_path("expected"), true, NULL),
                     CREW_OK);
    const struct fault_scenario profile = {
        .name = "save profile", .before = put_old, .run = save_profile, .after = whole_or_old};
    try_saving(&profile);
    crew_trainer_destroy(trainer);
}

/* Where nothing may be replaced, nothing is, whatever fails. */
static bool replace;

static crew_status save_in_vain(struct crew_error *err)
{
    crew_status status = crew_trainer_save(trainer, fault_path("out/file"), replace, err);
    assert_int_not_equal(status, CREW_OK);
    assert_true(err->text[0]);
    return CREW_OK;
}

static bool still_old(crew_status status, const char *failed)
{
    (void)failed, (void)status;
    return is_old() && fault_files(fault_path("out")) == 1;
}

static void put_pipe(void)
{
    fault_remove(fault_path("out"));
    mkdir(fault_path("out"), 0777);
    assert_int_equal(mkfifo(fault_path("out/file"), 0666), 0);
}

static bool still_a_pipe(crew_status status, const char *failed)
{
    struct stat st;
    (void)failed, (void)status;
    return stat(fault_path("out/file"), &st) == 0 && S_ISFIFO(st.st_mode) &&
           fault_files(fault_path("out")) == 1;
}

static void not_replacing(void **state)
{
    (void)state;
    train_one();
    const struct fault_scenario file = {.name = "save but not replace",
                                        .before = put_old,
                                        .run = save_in_vain,
                                        .after = still_old};
    const struct fault_scenario pipe = {.name = "save but not over a pipe",
                                        .before = put_pipe,
                                        .run = save_in_vain,
                                        .after = still_a_pipe};
    replace = false;
    fault_try(&file);
    replace = true;
    fault_try(&pipe);
    crew_trainer_destroy(trainer);
}

/* ---- What is loaded and asked ---- */

static float probability[2][2];
static struct crew_evaluation measured[2];

static crew_status load_and_ask(struct crew_error *err)
{
    static const float x[2][3] = {{0, 1, 2}, {1, 0, -1}};
    crew_network *net;
    memset(probability, 0, sizeof probability);
    TRY(crew_network_load(fault_path("model"), &net, err));
    crew_status status = crew_network_evaluate(net, fault_data.train, &measured[1], NULL, err);
    if (status == CREW_OK &&
        (status = crew_network_predict(net, x[0], 2, probability[0])) != CREW_OK)
        crew_fail(err, status, "predict has no sentence");
    crew_network_destroy(net);
    return status;
}

static bool same_answers(crew_status status, const char *failed)
{
    (void)failed;
    return status != CREW_OK || (measured[0].correct == measured[1].correct &&
                                 fabs(measured[0].loss - measured[1].loss) < 1e-12 &&
                                 fabsf(probability[0][0] + probability[0][1] - 1) < 1e-6f &&
                                 fabsf(probability[1][0] + probability[1][1] - 1) < 1e-6f);
}

static crew_status evaluate(struct crew_error *err)
{
    return crew_trainer_evaluate(trainer, fault_data.train, &measured[1], err);
}

static void asking(void **state)
{
    (void)state;
    train_one();
    assert_int_equal(crew_trainer_save(trainer, fault_path("model"), true, NULL), CREW_OK);
    assert_int_equal(crew_trainer_evaluate(trainer, fault_data.train, &measured[0], NULL),
                     CREW_OK);
    const struct fault_scenario load = {
        .name = "load", .run = load_and_ask, .after = same_answers, .reads_json = true};
    fault_try(&load);
    probability[0][0] = probability[1][0] = 1;
    probability[0][1] = probability[1][1] = 0;
    const struct fault_scenario evaluation = {
        .name = "evaluate", .run = evaluate, .after = same_answers};
    fault_try(&evaluation);
    crew_trainer_destroy(trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training),     cmocka_unit_test(training_on_shards),
        cmocka_unit_test(binding),      cmocka_unit_test(machine),
        cmocka_unit_test(virtual_time), cmocka_unit_test(with_profile),
        cmocka_unit_test(saving),       cmocka_unit_test(not_replacing),
        cmocka_unit_test(asking),
    };
    return cmocka_run_group_tests(tests, fault_open, fault_close);
}
