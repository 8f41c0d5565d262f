#include "machine/park.h"
#include "base/clock.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    ASLEEP = 1,
    PAUSES = 32,        /* pauses between looks at the clock: about 1 us */
    LONGEST_S = 1 << 20 /* of one sleep: a deadline may be beyond what the kernel can count */
};

static void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__("yield" ::: "memory");
#endif
}

/* limit_s: how long at most, < 0: for ever. */
static void futex_wait(_Atomic uint32_t *word, uint32_t value, double limit_s)
{
    limit_s = limit_s < LONGEST_S ? limit_s : LONGEST_S;
    struct {
        long sec, nsec;
    } t = {(long)limit_s, (long)((limit_s - (double)(long)limit_s) * 1e9)};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, limit_s < 0 ? NULL : &t, NULL, 0);
}

void crew_wake(_Atomic uint32_t *word)
{
    int before = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    errno = before;
}

void crew_gate_set(struct crew_gate *g, uint32_t number)
{
    uint32_t was = atomic_exchange_explicit(&g->word, number << 1, memory_order_release);
    if (was & ASLEEP)
        crew_wake(&g->word);
}

/* Sleep until the word is not `closed`, which is then in *word; false: until_s (>= 0) came
 * first. */
static bool park(struct crew_gate *g, uint32_t closed, double until_s, uint32_t *word)
{
    for (;;) {
        double left = until_s < 0 ? -1 : until_s - crew_now_s();
        *word = closed;
        /* Fails when the number has changed, or when our bit is there already after a spurious
         * wake-up. */
        atomic_compare_exchange_strong_explicit(&g->word, word, closed | ASLEEP,
                                                memory_order_acquire, memory_order_acquire);
        if ((*word | ASLEEP) != (closed | ASLEEP))
            return true;
        if (until_s >= 0 && left <= 0)
            return false;
        futex_wait(&g->word, closed | ASLEEP, left);
    }
}

uint32_t crew_gate_wait(struct crew_gate *g, uint32_t old, double spin_s)
{
    uint32_t closed = old << 1, word;
    double end = 0;
    for (unsigned i = 1; spin_s > 0; i++) {
        word = atomic_load_explicit(&g->word, memory_order_acquire);
        if (word >> 1 != old) /* the bit may be left from a wait that ended early */
            return word >> 1;
        pause_cpu();
        if (i % PAUSES == 0) {
            double now = crew_now_s();
            end = end > 0 ? end : now + spin_s;
            if (now >= end)
                break;
        }
    }
    (void)park(g, closed, -1, &word);
    return word >> 1;
}

bool crew_gate_wait_until(struct crew_gate *g, uint32_t old, double until_s)
{
    uint32_t word;
    return park(g, old << 1, until_s, &word);
}

bool crew_sleep_until(_Atomic uint32_t *word, uint32_t value, double until_s)
{
    for (;;) {
        double left = until_s - crew_now_s();
        if (left <= 0)
            return true;
        if (atomic_load_explicit(word, memory_order_acquire) != value)
            return false;
        futex_wait(word, value, left);
    }
}
