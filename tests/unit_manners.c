/* The library as a guest in somebody's process: what it finds it leaves as it was. Its objects
 * are looked at by cli_library.sh, what it gives back in stress_lifetime.c. */
#include "testing.h"

#include "base/bytes.h"
#include "trainer_rig.h"
#include <cblas.h>
#include <dirent.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
enum { TSAN = 1 };
#else
enum { TSAN = 0 };
#endif

extern char **environ;

static char folder[] = "/tmp/crew-test-XXXXXX";

static int enter(void **state)
{
    /* Claims of cores are names of a network namespace: in one of our own nobody else has them.
     */
    if (unshare(CLONE_NEWNET))
        print_message("no network namespace of our own: cores may be claimed by others\n");
    return !mkdtemp(folder) || rig_open(state);
}

static int leave(void **state)
{
    rig_close(state);
    return rmdir(folder);
}

/* ---- What a caller has ---- */

struct surroundings {
    cpu_set_t cpus;
    sigset_t blocked;
    void (*handler[64])(int);
    int flags[64];
    int rounding, slack, umask, blas;
    unsigned fpu; /* flush to zero and the like */
    uint64_t environment;
    char locale[200], cwd[300], name[16];
};

static uint64_t hash_environment(void)
{
    uint64_t h = CREW_HASH_INIT;
    for (char **e = environ; *e; e++)
        h = crew_hash(h, *e, strlen(*e));
    return h;
}

static void look_around(struct surroundings *s)
{
    memset(s, 0, sizeof *s);
    assert_int_equal(sched_getaffinity(0, sizeof s->cpus, &s->cpus), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &s->blocked);
    for (int i = 1; i < 64; i++) {
        struct sigaction action;
        if (sigaction(i, NULL, &action) == 0) {
            s->handler[i] = action.sa_handler;
            s->flags[i] = action.sa_flags;
        }
    }
    s->rounding = fegetround();
#ifdef __SSE__
    s->fpu = __builtin_ia32_stmxcsr() & ~0x3fu; /* without the flags of what happened */
#endif
    s->slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    s->umask = (int)umask(0);
    umask((mode_t)s->umask);
    s->blas = openblas_get_num_threads();
    s->environment = hash_environment();
    snprintf(s->locale, sizeof s->locale, "%s", setlocale(LC_ALL, NULL));
    assert_non_null(getcwd(s->cwd, sizeof s->cwd));
    pthread_getname_np(pthread_self(), s->name, sizeof s->name);
}

/* A trainer's whole life, and one that cannot be made. */
static void live(void)
{
    struct crew_config cfg = rig_config();
    struct crew_evaluation e;
    struct crew_error err;
    char path[100];
    float p[RIG_CLASSES];
    snprintf(path, sizeof path, "%s/model", folder);
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    assert_int_equal(crew_trainer_evaluate(t, rig_data.train, &e, &err), CREW_OK);
    assert_int_equal(crew_network_predict(crew_trainer_network(t), rig_x[0], 1, p), CREW_OK);
    assert_int_equal(crew_trainer_save(t, path, false, &err), CREW_OK);
    crew_trainer_destroy(t);
    unlink(path);
    cfg.policy = "ata:nonsense=1"; /* found out when the threads are there */
    assert_int_equal(crew_trainer_create(&cfg, &rig_data, &t, &err), CREW_EINVAL);
}

static void surroundings_are_left_as_they_were(void **state)
{
    struct surroundings before, after;
    (void)state;
    openblas_set_num_threads(2);
    look_around(&before);
    live();
    look_around(&after);
    assert_true(CPU_EQUAL(&before.cpus, &after.cpus));
    for (int i = 1; i < 64; i++) {
        assert_int_equal(sigismember(&before.blocked, i), sigismember(&after.blocked, i));
        assert_true(before.handler[i] == after.handler[i] && before.flags[i] == after.flags[i]);
    }
    assert_int_equal(before.rounding, after.rounding);
    assert_int_equal(before.fpu, after.fpu);
    assert_int_equal(before.slack, after.slack);
    assert_int_equal(before.umask, after.umask);
    assert_int_equal(before.blas, after.blas);
    assert_int_equal(before.environment, after.environment);
    assert_string_equal(before.locale, after.locale);
    assert_string_equal(before.cwd, after.cwd);
    assert_string_equal(before.name, after.name);
}

static void nothing_is_printed(void **state)
{
    char path[100];
    struct stat st;
    (void)state;
    snprintf(path, sizeof path, "%s/printed", folder);
    fflush(NULL);
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO),
        file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    assert_true(out >= 0 && err >= 0 && file >= 0);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    live();
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    assert_int_equal(fstat(file, &st), 0);
    assert_int_equal(st.st_size, 0);
    close(out);
    close(err);
    close(file);
    unlink(path);
}

/* Two trainers whose lives overlap: the first finds 2 and the last to go puts it back. */
static void blas_has_one_thread_a_caller_meanwhile(void **state)
{
    struct crew_config cfg = rig_config();
    (void)state;
    openblas_set_num_threads(2);
    int found = openblas_get_num_threads();
    crew_trainer *a = rig_trainer(&cfg);
    assert_int_equal(openblas_get_num_threads(), 1);
    crew_trainer *b = rig_trainer(&cfg);
    crew_trainer_destroy(a);
    assert_int_equal(openblas_get_num_threads(), 1);
    crew_trainer_destroy(b);
    assert_int_equal(openblas_get_num_threads(), found);
}

/* ---- fork() ---- */

static int descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

enum { REFUSED = 1, ASKED = 2, GONE = 4, OWN = 8 };

/* What a child may do: its exit status says what went well. Nothing here returns to cmocka. */
static int be_child(crew_trainer *t, int before, int told, int wait)
{
    struct crew_error err = {.status = CREW_OK};
    struct crew_evaluation e;
    float p[RIG_CLASSES] = {0};
    char c = 0;
    int done = 0;
    alarm(60); /* if the parent fails, nobody waits for us */
    if (crew_trainer_run(t, &err) == CREW_ESTATE && strstr(err.text, "forked") &&
        crew_trainer_evaluate(t, rig_data.train, &e, &err) == CREW_ESTATE)
        done |= REFUSED;
    if (crew_network_predict(crew_trainer_network(t), rig_x[0], 1, p) == CREW_OK && p[0] > 0)
        done |= ASKED;
    crew_trainer_destroy(t);
    if (descriptors() == before) /* claims of cores, the lock of a folder */
        done |= GONE;
    /* The parent makes another trainer while we are here. */
    if (write(told, &c, 1) != 1 || read(wait, &c, 1) != 1)
        return 0;
    struct crew_config cfg = rig_config();
    if (crew_trainer_create(&cfg, &rig_data, &t, &err) == CREW_OK &&
        crew_trainer_run(t, &err) == CREW_OK)
        done |= OWN;
    crew_trainer_destroy(t);
    return done;
}

static void a_child_leaves_its_parents_trainer_alone(void **state)
{
    struct crew_config cfg = rig_config();
    int to_parent[2], to_child[2], status;
    char c = 0, checkpoints[100];
    (void)state;
    if (TSAN) { /* OpenBLAS's, for one */
        printf("skip: the thread sanitizer ends a child that starts threads\n");
        skip();
    }
    snprintf(checkpoints, sizeof checkpoints, "%s/ck", folder);
    cfg.checkpoint = checkpoints;
    assert_int_equal(pipe(to_parent) | pipe(to_child), 0);
    int before = descriptors();
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(be_child(t, before, to_parent[1], to_child[0]));
    close(to_parent[1]); /* should the child die, nobody waits for it */
    close(to_child[0]);
    assert_int_equal(read(to_parent[0], &c, 1), 1);
    crew_trainer_destroy(t);
    t = rig_trainer(&cfg); /* its folder is free, although the child lives */
    rig_run(t);
    crew_trainer_destroy(t);
    assert_int_equal(write(to_child[1], &c, 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), REFUSED | ASKED | GONE | OWN);
    close(to_parent[0]);
    close(to_child[1]);
    char file[200];
    for (unsigned r = 0; r < 100; r++) {
        snprintf(file, sizeof file, "%s/checkpoint-%012u.safetensors", checkpoints, r);
        unlink(file);
    }
    assert_int_equal(rmdir(checkpoints), 0);
}

/* ---- Older and newer programs ---- */

static void the_library_says_which_interface_it_has(void **state)
{
    (void)state;
    assert_int_equal(crew_abi_version(), CREW_ABI_VERSION);
}

/* The size of an older struct, which compilers must not know to be smaller than ours: they
 * refuse to go on. */
static size_t before(size_t offset, size_t now)
{
    return getenv("CREW_TEST_NOW") ? now : offset;
}

/* A program that was built before `checkpoint` and what follows it. Nothing behind its struct
 * is touched, which the address sanitizer sees. */
static void an_older_program_gets_defaults_for_what_it_does_not_know(void **state)
{
    size_t older = before(offsetof(struct crew_config, checkpoint), sizeof(struct crew_config));
    struct crew_config mine = rig_config(), *cfg = malloc(older);
    crew_trainer *t;
    struct crew_error err;
    (void)state;
    assert_non_null(cfg);
    memset(cfg, 0xff, older);
    crew_config_init_sized(cfg, older);
    assert_int_equal(cfg->struct_size, older);
    assert_string_equal(cfg->policy, "adaptive");
    cfg->model = mine.model;
    cfg->task_rows = mine.task_rows;
    cfg->batch_tasks = mine.batch_tasks;
    cfg->epochs = mine.epochs;
    assert_int_equal(crew_trainer_create(cfg, &rig_data, &t, &err), CREW_OK);
    rig_run(t);
    assert_int_equal(rig_digest(t), rig_result(&mine));
    crew_trainer_destroy(t);
    free(cfg);
}

static void a_newer_program_is_refused(void **state)
{
    struct {
        struct crew_config known;
        uint64_t more;
    } cfg = {.more = 7};
    crew_trainer *t;
    struct crew_error err;
    (void)state;
    crew_config_init_sized(&cfg.known, sizeof cfg);
    assert_int_equal(cfg.more, 0);
    assert_int_equal(cfg.known.struct_size, sizeof cfg);
    assert_int_equal(crew_trainer_create(&cfg.known, &rig_data, &t, &err), CREW_EINVAL);
    assert_non_null(strstr(err.text, "newer"));
    assert_null(t);
}

static void likewise_for_data(void **state)
{
    size_t older =
        before(offsetof(struct crew_data_config, max_bytes), sizeof(struct crew_data_config));
    struct crew_data_config *old = malloc(older), now;
    struct {
        struct crew_data_config known;
        uint64_t more;
    } new = {.more = 7};
    struct crew_data data;
    struct crew_error err;
    (void)state;
    assert_non_null(old);
    crew_data_config_init_sized(old, older);
    old->data = "synth:20x3x2";
    assert_int_equal(crew_data_open(old, &data, &err), CREW_OK);
    crew_data_close(&data);
    free(old);
    crew_data_config_init_sized(&new.known, sizeof new);
    assert_int_equal(new.more, 0);
    new.known.data = "synth:20x3x2";
    assert_int_equal(crew_data_open(&new.known, &data, &err), CREW_EINVAL);
    assert_non_null(strstr(err.text, "newer"));
    crew_data_config_init(&now);
    assert_int_equal(now.struct_size, sizeof now);
    assert_int_equal(now.seed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(surroundings_are_left_as_they_were),
        cmocka_unit_test(nothing_is_printed),
        cmocka_unit_test(blas_has_one_thread_a_caller_meanwhile),
        cmocka_unit_test(a_child_leaves_its_parents_trainer_alone),
        cmocka_unit_test(the_library_says_which_interface_it_has),
        cmocka_unit_test(an_older_program_gets_defaults_for_what_it_does_not_know),
        cmocka_unit_test(a_newer_program_is_refused),
        cmocka_unit_test(likewise_for_data),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
