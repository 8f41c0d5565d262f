/* machine/bind: pinning on this machine, refusals elsewhere, the floating-point state. */
#include "machine/bind.h"
#include <crew/machine.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <sys/utsname.h>

/* What a thread of its own found: assertions belong to the main thread. */
struct pin {
    const crew_machine *machine;
    uint32_t slot;
    crew_status status;
    struct crew_error err;
    int cpu;
    bool held, held_after_change;
};

static void *pin_self(void *arg)
{
    struct pin *p = arg;
    cpu_set_t before;
    int known = sched_getaffinity(0, sizeof before, &before);
    p->status = crew_bind_self(p->machine, p->slot, &p->err);
    p->cpu = crew_bind_cpu();
    p->held = crew_bind_holds(p->machine, p->slot);
    if (!known &&
        !sched_setaffinity(0, sizeof before, &before)) /* somebody rewrites the mask */
        p->held_after_change = crew_bind_holds(p->machine, p->slot);
    return NULL;
}

static crew_machine *machine(const char *cores)
{
    struct crew_machine_request rq = {.cores = cores, .smt = true};
    struct crew_error err = {0};
    crew_machine *m = NULL;
    if (crew_machine_create(&rq, &m, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return m;
}

static struct pin pin_in_a_thread(const crew_machine *m, uint32_t slot)
{
    struct pin p = {.machine = m, .slot = slot};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, pin_self, &p), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return p;
}

static void every_usable_slot_can_be_pinned_to(void **state)
{
    (void)state;
    crew_machine *m = machine("all");
    const struct crew_machine_info *info = crew_machine_info(m);
    for (uint32_t i = 0; i < info->n_slots; i++) {
        struct pin p = pin_in_a_thread(m, i);
        if (p.status != CREW_OK)
            fail_msg("%s", p.err.text);
        assert_int_equal(p.cpu, info->slots[i].cpu);
        assert_true(p.held);
        assert_true(!p.held_after_change || info->usable_pus == 1);
    }
    crew_machine_destroy(m);
}

static void threads_may_pin_themselves_at_once(void **state)
{
    (void)state;
    enum { THREADS = 8 };
    crew_machine *m = machine("all");
    uint32_t n_slots = crew_machine_info(m)->n_slots;
    struct pin p[THREADS] = {{0}};
    pthread_t thread[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        p[i] = (struct pin){.machine = m, .slot = i % n_slots};
        assert_int_equal(pthread_create(&thread[i], NULL, pin_self, &p[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(p[i].status, CREW_OK);
    }
    crew_machine_destroy(m);
}

static void nothing_is_pinned_on_a_described_machine(void **state)
{
    (void)state;
    setenv("HWLOC_SYNTHETIC", "core:2 pu:1", 1);
    crew_machine *m = machine("all");
    unsetenv("HWLOC_SYNTHETIC");
    struct pin p = pin_in_a_thread(m, 1);
    assert_int_equal(p.status, CREW_EBIND);
    assert_non_null(strstr(p.err.text, "described by HWLOC_SYNTHETIC"));
    assert_false(p.held);
    crew_machine_destroy(m);
}

/* HWLOC_THISSYSTEM=1 claims that a description is this machine. CPUs 7, 1030 and 1500 are not
 * all there on any machine we know, so creation or binding has to say so. */
static void a_cpu_that_this_machine_lacks_is_refused(void **state)
{
    (void)state;
    setenv("HWLOC_XMLFILE", "tests/topologies/sparse.xml", 1);
    setenv("HWLOC_THISSYSTEM", "1", 1);
    struct crew_error err = {0};
    crew_machine *m = NULL;
    crew_status status = crew_machine_create(NULL, &m, &err);
    unsetenv("HWLOC_THISSYSTEM");
    unsetenv("HWLOC_XMLFILE");
    if (status == CREW_OK) { /* a machine with a CPU 7 */
        assert_true(crew_machine_info(m)->this_system);
        assert_true(crew_machine_info(m)->usable_pus <= 3);
    } else {
        assert_int_equal(status, CREW_EINPUT);
        assert_non_null(strstr(err.text, "none of the 3 CPUs"));
    }
    crew_machine_destroy(m);
}

struct product {
    double a, b; /* a * b is denormal */
    double before, after;
};

static void *multiply(void *arg)
{
    struct product *p = arg;
    p->before = p->a * p->b;
    crew_fpu_flush();
    p->after = p->a * p->b;
    return NULL;
}

/* 1e-200 * 1e-110 = 1e-310, below the least normal double, 2.2e-308. */
static void denormals_are_flushed_in_the_calling_thread_only(void **state)
{
    (void)state;
    struct product p = {strtod("1e-200", NULL), strtod("1e-110", NULL), 0.0, 1.0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, multiply, &p), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(p.before > 0.0);
    assert_true(p.a * p.b > 0.0);
    struct utsname system;
    assert_true(uname(&system) >= 0);
    if (strcmp(system.machine, "x86_64") != 0 && strcmp(system.machine, "aarch64") != 0) {
        print_message("skip: no flag known that flushes denormals on %s\n", system.machine);
        skip();
    }
    assert_false(p.after > 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_usable_slot_can_be_pinned_to),
        cmocka_unit_test(threads_may_pin_themselves_at_once),
        cmocka_unit_test(nothing_is_pinned_on_a_described_machine),
        cmocka_unit_test(a_cpu_that_this_machine_lacks_is_refused),
        cmocka_unit_test(denormals_are_flushed_in_the_calling_thread_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
