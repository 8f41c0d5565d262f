/* A system that has no more threads: pthread_create() is the linker's --wrap of it. */
#include "testing.h"

#include "trainer_rig.h"
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

static unsigned live, most; /* threads of ours; more than `most` there cannot be */

int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __real_pthread_join(pthread_t t, void **out);
int __wrap_pthread_join(pthread_t t, void **out);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    if (live >= most)
        return EAGAIN;
    int e = __real_pthread_create(t, attr, run, arg);
    live += e == 0;
    return e;
}

int __wrap_pthread_join(pthread_t t, void **out)
{
    live--;
    return __real_pthread_join(t, out);
}

static const char *find_note(const crew_trainer *t, const char *part)
{
    const char *note;
    for (size_t i = 0; (note = crew_trainer_note(t, i)); i++)
        if (strstr(note, part))
            return note;
    return NULL;
}

static void fewer_threads_are_fewer_workers(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_summary s;
    cfg.workers = 4;
    most = 100;
    const uint64_t want = rig_result(&cfg);
    const char *const binds[] = {"prefer", "none"};
    for (int k = 0; k < 2; k++)
        for (most = 1; most <= 4; most++) {
            /* One is left to the caller, unless it is the only one. */
            uint32_t n = most == 4 ? 4 : most == 1 ? 1 : most - 1;
            char said[64];
            cfg.bind = binds[k];
            cfg.policy = most % 2 ? "uniform" : "greedy";
            crew_trainer *t = rig_trainer(&cfg);
            snprintf(said, sizeof said, "%u of 4 workers: no more threads can be started", n);
            assert_int_equal(find_note(t, said) != NULL, n < 4);
            rig_run(t);
            crew_trainer_summary(t, &s);
            assert_int_equal(s.n, n);
            assert_int_equal(s.rounds, 12);
            if (most % 2)
                assert_int_equal(s.weights_digest, want);
            crew_trainer_destroy(t);
            assert_int_equal(live, 0);
        }
}

static void no_thread_at_all_is_told(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_error err = {.status = CREW_OK};
    crew_trainer *t;
    most = 0;
    assert_int_equal(crew_trainer_create(&cfg, &rig_data, &t, &err), CREW_ETHREAD);
    assert_non_null(strstr(err.text, "thread 1 of 2 does not start"));
    assert_null(t);
    assert_int_equal(live, 0);
}

/* The thread that was given back is there for saving. */
static void checkpoints_are_written_all_the_same(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_summary s;
    char folder[] = "/tmp/crew-shortage-XXXXXX", command[64];
    assert_non_null(mkdtemp(folder));
    cfg.checkpoint = folder;
    cfg.every = "2rounds";
    cfg.workers = 4;
    most = 3;
    crew_trainer *t = rig_trainer(&cfg);
    assert_int_equal(live, 3);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(s.n == 2 && s.checkpoints > 0 && !s.checkpoint_failed);
    crew_trainer_destroy(t);
    assert_int_equal(live, 0);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static char where[64]; /* files of its checkpoints */
static unsigned whole; /* that were there once they were told */

static void on_checkpoint(void *user, const struct crew_checkpoint_record *r)
{
    (void)user;
    whole += r->status == CREW_OK && !strncmp(r->path, where, strlen(where)) &&
             access(r->path, F_OK) == 0;
}

/* The only worker takes the only thread: it saves, too, between rounds. */
static void without_a_thread_that_saves_rounds_wait(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_summary s;
    char folder[] = "/tmp/crew-shortage-XXXXXX", command[64];
    assert_non_null(mkdtemp(folder));
    snprintf(where, sizeof where, "%s", folder);
    most = 100;
    const uint64_t want = rig_result(&cfg);
    cfg.checkpoint = folder;
    cfg.every = "1rounds";
    cfg.keep = 2;
    cfg.on_checkpoint = on_checkpoint;
    most = 1;
    whole = 0;
    crew_trainer *t = rig_trainer(&cfg);
    assert_int_equal(live, 1);
    assert_non_null(find_note(t, "the thread that saves does not start: Resource temporarily "
                                 "unavailable: rounds wait while a checkpoint is written"));
    crew_trainer_request_checkpoint(t);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_int_equal(s.weights_digest, want);
    /* Each round's, as none can be skipped for want of time. */
    assert_true(s.checkpoints == s.rounds && whole == s.rounds && !s.checkpoint_failed);
    rig_run(t);
    crew_trainer_destroy(t);
    assert_int_equal(live, 0);
    cfg.every = "1h";
    t = rig_trainer(&cfg); /* and goes on from them */
    crew_trainer_summary(t, &s);
    assert_true(s.resumed && s.resumed_round == 24);
    crew_trainer_destroy(t);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* Threads that compute for virtual workers are nobody's business. */
static void virtual_workers_are_as_many_as_were_described(void **state)
{
    (void)state;
    struct crew_config cfg = rig_config();
    struct crew_summary s;
    most = 100;
    const uint64_t want = rig_result(&cfg);
    cfg.workers = 0;
    cfg.executor = "sim";
    cfg.speeds = "5*1ms";
    most = 1;
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    crew_trainer_summary(t, &s);
    assert_true(s.n == 5 && s.weights_digest == want);
    crew_trainer_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fewer_threads_are_fewer_workers),
        cmocka_unit_test(no_thread_at_all_is_told),
        cmocka_unit_test(checkpoints_are_written_all_the_same),
        cmocka_unit_test(without_a_thread_that_saves_rounds_wait),
        cmocka_unit_test(virtual_workers_are_as_many_as_were_described),
    };
    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
