/* What a round costs when its tasks cost nothing: both workers run their quota, timed, and the
 * policy learns. Yardstick: an empty OpenMP parallel region of as many threads. Where the two
 * virtual CPUs sit on the host decides most of it, so the time a cache line takes there and
 * back is printed too. */
#include "bench.h"
#include "exec/loop.h"
#include "exec/threads.h"
#include "machine/bind.h"
#include <omp.h>
#include <stdatomic.h>
#include <string.h>

struct rig {
    uint32_t n, tasks;
    const crew_machine *machine;
    crew_pool *pool;
    struct crew_loop loop;
    struct crew_work work;
    uint64_t round;
    struct bench_report *report;
};

static crew_status nothing(void *self, uint32_t worker, const struct crew_task_context *t,
                           bool droppable)
{
    (void)self, (void)worker, (void)t, (void)droppable;
    return CREW_OK;
}

static void settle(void *self, uint32_t worker, uint32_t task, bool kept)
{
    (void)self, (void)worker, (void)task, (void)kept;
}

static void one_round(void *self)
{
    struct rig *r = self;
    crew_status status = crew_loop_plan(&r->loop, ++r->round, r->tasks, NULL);
    for (uint32_t i = 0; i < r->n;
         i++) /* planned and learned, but everybody runs: an empty task tempts to stay alone */
        r->loop.plan.quota[i] = r->tasks / r->n;
    if (status == CREW_OK)
        status = crew_loop_run(&r->loop, 1, 0, NULL, &r->work);
    if (status != CREW_OK)
        exit(1);
    crew_loop_observe(&r->loop);
}

/* The team's threads, made by this thread and bound like the pool's: they would inherit its one
 * core. */
static void bind_team(const crew_machine *machine, uint32_t n)
{
#pragma omp parallel num_threads((int)n)
    {
        struct crew_error err;
        if (crew_bind_self(machine,
                           (uint32_t)omp_get_thread_num() % crew_machine_info(machine)->n_slots,
                           &err) != CREW_OK)
            printf("WARNING: %s\n", err.text);
    }
}

static void region(void *self)
{
    struct rig *r = self;
#pragma omp parallel num_threads((int)r->n)
    {
        __asm__("" ::: "memory");
    }
}

/* There and back: each side writes its line and waits for the other's. */
static struct {
    _Alignas(CREW_PAIR) _Atomic uint32_t ping;
    _Alignas(CREW_PAIR) _Atomic uint32_t pong;
} line;
enum { TRIPS = 20000, TRIP_SAMPLES = 5 };

static void echo(void *self, uint32_t worker)
{
    (void)self;
    for (uint32_t i = 1; i <= TRIPS; i++)
        if (worker == 0) {
            atomic_store_explicit(&line.ping, i, memory_order_release);
            while (atomic_load_explicit(&line.pong, memory_order_acquire) != i)
                ;
        } else {
            while (atomic_load_explicit(&line.ping, memory_order_acquire) != i)
                ;
            atomic_store_explicit(&line.pong, i, memory_order_release);
        }
}

static void measure_trip(struct rig *r, const char *name)
{
    struct bench trip = {.name = name, .samples = TRIP_SAMPLES};
    for (int s = -1; s < TRIP_SAMPLES; s++) { /* the first does not count: somebody wakes up */
        double t = crew_now_s();
        atomic_store(&line.ping, 0);
        atomic_store(&line.pong, 0);
        crew_pool_start(r->pool, 1, echo, NULL);
        echo(NULL, 0);
        crew_pool_wait(r->pool, 1);
        if (s >= 0)
            trip.sample[s] = (crew_now_s() - t) / TRIPS;
    }
    bench_row(r->report, "", &trip, NULL);
    double t = bench_quantile(&trip, 0.5);
    printf("    that is %s\n", t > 180e-9  ? "two caches"
                               : t < 70e-9 ? "two threads of one core"
                                           : "one cache");
}

static void measure(void *self, uint32_t worker)
{
    struct rig *r = self;
    (void)worker;
    struct bench b[] = {{.name = "OpenMP parallel region", .run = region, .self = r},
                        {.name = "crew round, B = n", .run = one_round, .self = &r[0]},
                        {.name = "crew round, B = 8 n", .run = one_round, .self = &r[1]}};
    bind_team(r->machine, r->n);
    measure_trip(r, "cache line there and back, before");
    bench_run(b, 3);
    bench_rows(r->report, "", b, 3);
    measure_trip(r, "cache line there and back, after");
}

int main(void)
{
    crew_machine *machine;
    struct rig r[2];
    struct bench_report report;
    struct crew_error err;
    memset(r, 0, sizeof r);
    if (crew_machine_create(NULL, &machine, &err) != CREW_OK)
        return 1;
    uint32_t n =
        crew_machine_info(machine)->n_slots < 2 ? 2 : crew_machine_info(machine)->n_slots;
    struct crew_pool_config pool = {.machine = machine, .n = n, .spin_s = 50e-6};
    if (crew_pool_create(&pool, &r[0].pool, &err) != CREW_OK)
        return 1;
    for (int i = 0; i < 2; i++) {
        struct crew_threads_config threads = {r[0].pool, machine, 8 * n, NULL};
        struct crew_policy_config policy = {.struct_size = sizeof policy, .n = n, .seed = 1};
        r[i].n = n;
        r[i].machine = machine;
        r[i].tasks = i ? 8 * n : n;
        r[i].pool = r[0].pool;
        r[i].work = (struct crew_work){.compute = nothing, .settle = settle};
        r[i].loop.executor = &crew_threads;
        r[i].loop.policy = crew_policy_find("adaptive");
        if (crew_loop_init(&r[i].loop, n) != CREW_OK ||
            crew_threads_create(&threads, &r[i].loop.executor_self, &err) != CREW_OK ||
            r[i].loop.policy->create(&policy, &r[i].loop.policy_self, &err) != CREW_OK)
            return 1;
    }
    bench_begin(&report, "round", "empty rounds");
    printf("%u workers, policy adaptive, the region's threads bound alike\n", n);
    r[0].report = &report;
    crew_pool_call(r[0].pool, measure, r);
    bench_end(&report);
    for (int i = 0; i < 2; i++) {
        crew_threads.destroy(r[i].loop.executor_self);
        r[i].loop.policy->destroy(r[i].loop.policy_self);
        crew_loop_free(&r[i].loop);
    }
    crew_pool_destroy(r[0].pool);
    crew_machine_destroy(machine);
    return 0;
}
