/* What several tests need: the seed, a pool. Include it before anything of cmocka's. */
#ifndef CREW_TESTS_TESTING_H
#define CREW_TESTS_TESTING_H

#include "machine/pool.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* SEED of the environment, 1 without. */
static inline uint64_t test_seed(void)
{
    const char *s = getenv("SEED");
    return s ? strtoull(s, NULL, 10) : 1;
}

static inline void test_print_seed(void)
{
    printf("SEED=%llu\n", (unsigned long long)test_seed());
}

/* A pool of n workers, more than cores if need be; made at the first call, kept until
 * test_pool_done(). */
static crew_machine *test_machine_;
static crew_pool *test_pool_;

static inline crew_pool *test_pool(uint32_t n)
{
    if (!test_pool_) {
        struct crew_pool_config cfg = {.n = n, .bind = CREW_BIND_PREFER};
        assert_int_equal(crew_machine_create(NULL, &test_machine_, NULL), CREW_OK);
        cfg.machine = test_machine_;
        cfg.spin_s = n <= crew_machine_info(test_machine_)->n_slots ? 20e-6 : 0;
        assert_int_equal(crew_pool_create(&cfg, &test_pool_, NULL), CREW_OK);
    }
    return test_pool_;
}

static inline void test_pool_done(void)
{
    crew_pool_destroy(test_pool_);
    crew_machine_destroy(test_machine_);
    test_pool_ = NULL;
    test_machine_ = NULL;
}

#endif
