/* Trainers come and go, and several live at once: nothing stays behind, and they do not get
 * into each other's results. */
#include "testing.h"

#include "trainer_rig.h"
#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1, LIVES = 100 };
#else
enum { SANITIZED = 0, LIVES = 1000 };
#endif

/* ---- One after the other ---- */

/* What the process holds. */
struct holdings {
    size_t descriptors, threads;
    size_t heap_bytes, address_bytes;
};

static size_t entries(const char *path)
{
    size_t n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* A thread that was joined may be listed for a moment more. */
static size_t threads_but_for(size_t expected)
{
    size_t n = entries("/proc/self/task");
    for (int i = 0; i < 1000 && n > expected; i++) {
        usleep(1000);
        n = entries("/proc/self/task");
    }
    return n;
}

static struct holdings look(size_t threads)
{
    struct holdings h = {entries("/proc/self/fd"), threads_but_for(threads), 0, 0};
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu", &pages), 1);
    fclose(f);
    h.address_bytes = pages * (size_t)sysconf(_SC_PAGESIZE);
    h.heap_bytes = mallinfo2().uordblks + mallinfo2().hblkhd;
    return h;
}

/* Described machines cost less time; now and then the real one, and a run. */
static void live(int i)
{
    struct crew_config cfg = rig_config();
    crew_trainer *t;
    struct crew_error err;
    if (i % 8)
        setenv("HWLOC_SYNTHETIC", "core:2 pu:1", 1);
    else
        unsetenv("HWLOC_SYNTHETIC");
    cfg.workers = i % 4 ? 1 : 2;
    cfg.epochs = 1;
    if (i % 5 == 1) { /* found out once the threads are there */
        cfg.policy = "ata:nonsense=1";
        assert_int_equal(crew_trainer_create(&cfg, &rig_data, &t, &err), CREW_EINVAL);
        return;
    }
    t = rig_trainer(&cfg);
    if (i % 16 == 0)
        rig_run(t);
    crew_trainer_destroy(t);
}

/* The first hundred fill caches: of malloc, of stacks, of OpenBLAS. A leak of 100 bytes a life
 * would show. */
static void a_thousand_trainers_leave_nothing_behind(void **state)
{
    (void)state;
    size_t threads = entries("/proc/self/task"), /* OpenBLAS has some, too */
        descriptors = entries("/proc/self/fd");
    for (int i = 0; i < 112; i++)
        live(i);
    struct holdings before = look(threads);
    for (int i = 0; i < LIVES; i++)
        live(i);
    struct holdings after = look(threads);
    unsetenv("HWLOC_SYNTHETIC");
    printf(
        "%d trainers: %zu -> %zu descriptors, %zu -> %zu threads, heap %+.1f kB, address space "
        "%+.1f kB\n",
        LIVES, before.descriptors, after.descriptors, before.threads, after.threads,
        ((double)after.heap_bytes - (double)before.heap_bytes) / 1e3,
        ((double)after.address_bytes - (double)before.address_bytes) / 1e3);
    assert_int_equal(before.descriptors, descriptors);
    assert_int_equal(after.descriptors, descriptors);
    assert_int_equal(before.threads, threads);
    assert_int_equal(after.threads, threads);
    if (SANITIZED) {
        printf("skip: memory is counted by the leak sanitizer here\n");
        return;
    }
    assert_true(after.heap_bytes < before.heap_bytes + (size_t)LIVES * 100);
    assert_true(after.address_bytes < before.address_bytes + (16u << 20));
}

/* ---- Several at once ---- */

enum { RIVALS = 2, MEETINGS = 12 };

struct rival {
    pthread_t thread;
    struct crew_config cfg;
    uint64_t expected;
    crew_trainer *t; /* one that is there already, or NULL: makes its own each time */
    int wrong;
    char why[200];
};

static void meet(struct rival *r, int turn)
{
    struct crew_error err = {.status = CREW_OK};
    struct crew_evaluation e = {0};
    crew_trainer *t = r->t;
    if (!t && crew_trainer_create(&r->cfg, &rig_data, &t, &err) != CREW_OK) {
        snprintf(r->why, sizeof r->why, "%.150s", err.text);
        r->wrong++;
        return;
    }
    bool ok = crew_trainer_run(t, &err) == CREW_OK &&
              crew_trainer_evaluate(t, rig_data.train, &e, &err) == CREW_OK &&
              e.rows == RIG_ROWS;
    if (!ok || (turn == 0 && rig_digest(t) != r->expected)) {
        snprintf(r->why, sizeof r->why, "turn %d: %.150s", turn,
                 ok ? "other weights" : err.text);
        r->wrong++;
    }
    if (!r->t)
        crew_trainer_destroy(t);
}

static void *compete(void *arg)
{
    struct rival *r = arg;
    for (int i = 0; i < MEETINGS; i++)
        meet(r, r->t ? i : 0);
    return NULL;
}

static void let_compete(struct rival *r)
{
    for (int i = 0; i < RIVALS; i++)
        assert_int_equal(pthread_create(&r[i].thread, NULL, compete, &r[i]), 0);
    for (int i = 0; i < RIVALS; i++)
        pthread_join(r[i].thread, NULL);
    for (int i = 0; i < RIVALS; i++)
        if (r[i].wrong)
            fail_msg("rival %d, %d of %d times: %s", i, r[i].wrong, MEETINGS, r[i].why);
}

static struct rival rival(uint64_t seed)
{
    struct rival r = {.cfg = rig_config()};
    r.cfg.policy = "ata-empirical";
    r.cfg.seed = seed;
    r.expected = rig_result(&r.cfg);
    return r;
}

static bool is_told(const crew_trainer *t)
{
    for (size_t i = 0; crew_trainer_note(t, i); i++)
        if (strstr(crew_trainer_note(t, i), "another crew"))
            return true;
    return false;
}

static void rivals_on_the_same_slots_get_their_own_results(void **state)
{
    struct rival r[RIVALS] = {rival(1), rival(2)};
    (void)state;
    assert_true(r[0].expected != r[1].expected);
    let_compete(r);
    for (int i = 0; i < RIVALS; i++)
        r[i].t = rig_trainer(&r[i].cfg);
    if (is_told(r[0].t))
        printf("skip: another process trains on these cores\n");
    else
        assert_true(is_told(r[1].t)); /* and its waiting threads sleep at once */
    let_compete(r);
    for (int i = 0; i < RIVALS; i++)
        crew_trainer_destroy(r[i].t);
}

static void rivals_on_other_slots_likewise(void **state)
{
    struct rival r[RIVALS] = {rival(1), rival(2)};
    char cpu[RIVALS][16];
    crew_machine *m;
    (void)state;
    assert_int_equal(crew_machine_create(NULL, &m, NULL), CREW_OK);
    const struct crew_machine_info *info = crew_machine_info(m);
    for (uint32_t i = 0; i < RIVALS; i++) {
        snprintf(cpu[i], sizeof cpu[i], "%u", info->slots[i % info->n_slots].cpu);
        r[i].cfg.cores = cpu[i];
    }
    if (info->n_slots < RIVALS)
        printf("skip: there is one slot only, they share it\n");
    crew_machine_destroy(m);
    let_compete(r);
}

/* Claims of cores are names of a network namespace: in one of our own nobody else has them. */
static int enter(void **state)
{
    if (unshare(CLONE_NEWNET))
        print_message("no network namespace of our own: cores may be claimed by others\n");
    return rig_open(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_trainers_leave_nothing_behind),
        cmocka_unit_test(rivals_on_the_same_slots_get_their_own_results),
        cmocka_unit_test(rivals_on_other_slots_likewise),
    };
    return cmocka_run_group_tests(tests, enter, rig_close);
}
