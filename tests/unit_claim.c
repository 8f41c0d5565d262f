/* machine/claim: a second trainer on the same cores is noticed, and forgotten when it ends. */
#include "machine/claim.h"
#include <crew/machine.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint32_t first_twice[] = {0, 0};

static crew_machine *machine(void)
{
    struct crew_machine_request rq = {.cores = "all", .smt = true};
    struct crew_error err = {0};
    crew_machine *m = NULL;
    if (crew_machine_create(&rq, &m, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return m;
}

static crew_claim *claim(const crew_machine *m, uint32_t n, uint32_t *n_taken)
{
    crew_claim *c = NULL;
    assert_int_equal(crew_claim_create(m, first_twice, n, &c, n_taken, NULL), CREW_OK);
    assert_non_null(c);
    return c;
}

/* Names of sockets belong to a network namespace: in one of our own no other trainer is seen.
 */
static int isolate(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
        print_message("no network namespace of our own: other trainers may be seen\n");
    return 0;
}

static void skip_if_taken(crew_machine *m)
{
    uint32_t taken;
    crew_claim_destroy(claim(m, 1, &taken));
    if (taken) {
        crew_machine_destroy(m);
        print_message("skip: another trainer is running on this core\n");
        skip();
    }
}

static void a_second_claim_finds_the_core_taken_until_the_first_ends(void **state)
{
    (void)state;
    crew_machine *m = machine();
    uint32_t taken;
    skip_if_taken(m);
    crew_claim *first = claim(m, 1, &taken);
    assert_int_equal(taken, 0);
    crew_claim *second = claim(m, 1, &taken);
    assert_int_equal(taken, 1);
    crew_claim_destroy(first);
    crew_claim_destroy(second);
    crew_claim *third = claim(m, 1, &taken);
    assert_int_equal(taken, 0);
    crew_claim_destroy(third);
    crew_machine_destroy(m);
}

static void two_workers_on_one_slot_are_one_claim(void **state)
{
    (void)state;
    crew_machine *m = machine();
    uint32_t taken;
    skip_if_taken(m);
    crew_claim *first = claim(m, 2, &taken);
    assert_int_equal(taken, 0);
    crew_claim *second = claim(m, 2, &taken);
    assert_int_equal(taken, 1);
    crew_claim_destroy(second);
    crew_claim_destroy(first);
    crew_machine_destroy(m);
}

/* The child is killed without a chance to tidy up: the kernel drops its claim. */
static void a_killed_trainer_leaves_no_claim(void **state)
{
    (void)state;
    crew_machine *m = machine();
    uint32_t taken;
    int ready[2], status;
    char byte;
    skip_if_taken(m);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        crew_claim *c = NULL;
        byte = crew_claim_create(m, first_twice, 1, &c, &taken, NULL) == CREW_OK && !taken;
        if (write(ready[1], &byte, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    crew_claim *c = claim(m, 1, &taken);
    assert_int_equal(taken, 1);
    crew_claim_destroy(c);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    c = claim(m, 1, &taken);
    assert_int_equal(taken, 0);
    crew_claim_destroy(c);
    close(ready[0]);
    close(ready[1]);
    crew_machine_destroy(m);
}

static void without_descriptors_nothing_is_claimed(void **state)
{
    (void)state;
    crew_machine *m = machine();
    struct rlimit old, few;
    uint32_t taken;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 3; /* none is left, a quarter of 3 is none */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    crew_claim *c = claim(m, 1, &taken);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(taken, 0);
    crew_claim *other = claim(m, 1, &taken);
    crew_claim_destroy(other);
    crew_claim_destroy(c);
    crew_machine_destroy(m);
}

static void a_described_machine_has_nothing_to_claim(void **state)
{
    (void)state;
    uint32_t taken;
    setenv("HWLOC_SYNTHETIC", "core:2 pu:1", 1);
    crew_machine *m = machine();
    unsetenv("HWLOC_SYNTHETIC");
    crew_claim *first = claim(m, 1, &taken);
    assert_int_equal(taken, 0);
    crew_claim *second = claim(m, 1, &taken);
    assert_int_equal(taken, 0);
    crew_claim_destroy(first);
    crew_claim_destroy(second);
    crew_claim_destroy(NULL);
    crew_machine_destroy(m);
}

/* Of two trainers that want one core each, the second gets another core than the first. */
static void few_workers_go_where_no_other_trainer_is(void **state)
{
    (void)state;
    struct crew_machine_request rq = {.at_most = 1};
    struct crew_error err = {0};
    crew_machine *all = NULL, *one = NULL;
    assert_int_equal(crew_machine_create(NULL, &all, &err), CREW_OK);
    if (crew_machine_info(all)->n_slots < 2) {
        crew_machine_destroy(all);
        print_message("skip: one core only\n");
        skip();
    }
    uint32_t taken;
    crew_claim *c = claim(all, 1, &taken);
    assert_int_equal(crew_machine_create(&rq, &one, &err), CREW_OK);
    assert_int_not_equal(crew_machine_info(one)->slots[0].core,
                         crew_machine_info(all)->slots[0].core);
    crew_machine_destroy(one);
    crew_claim_destroy(c); /* free again: the first choice */
    assert_int_equal(crew_machine_create(&rq, &one, &err), CREW_OK);
    assert_int_equal(crew_machine_info(one)->slots[0].core,
                     crew_machine_info(all)->slots[0].core);
    crew_machine_destroy(one);
    crew_machine_destroy(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_workers_go_where_no_other_trainer_is),
        cmocka_unit_test(a_second_claim_finds_the_core_taken_until_the_first_ends),
        cmocka_unit_test(two_workers_on_one_slot_are_one_claim),
        cmocka_unit_test(a_killed_trainer_leaves_no_claim),
        cmocka_unit_test(without_descriptors_nothing_is_claimed),
        cmocka_unit_test(a_described_machine_has_nothing_to_claim),
    };
    return cmocka_run_group_tests(tests, isolate, NULL);
}
