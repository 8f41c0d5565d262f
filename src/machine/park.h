/* Waiting: spin a bounded time, then sleep in the kernel. */
#ifndef CREW_MACHINE_PARK_H
#define CREW_MACHINE_PARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A number that one side sets and the other waits for. Bit 0 of the word: somebody sleeps and
 * must be woken; the rest: the number, 31 bits. Setting is one exchange, so a sleeper cannot be
 * missed: either its bit is in the word that the exchange returns, or it sees the new number
 * before it sleeps.
 *
 * set (release) -> wait (acquire): everything written before the one is visible after the
 * other. */
struct crew_gate {
    _Atomic uint32_t word;
};

void crew_gate_set(struct crew_gate *g, uint32_t number);

/* Until the number is not `old`; returns it. Spins for at most spin_s seconds, 0: parks at
 * once. */
uint32_t crew_gate_wait(struct crew_gate *g, uint32_t old, double spin_s);

/* The same without spinning, until `until_s` on the monotonic clock at the latest: false, and
 * the number is still `old`. */
bool crew_gate_wait_until(struct crew_gate *g, uint32_t old, double until_s);

/* Sleep until `until_s` on the monotonic clock, or until *word is no longer `value` and
 * crew_wake(word) was called. False when ended early. */
bool crew_sleep_until(_Atomic uint32_t *word, uint32_t value, double until_s);
void crew_wake(
    _Atomic uint32_t *word); /* all that sleep on it; may be called in a signal handler */

#endif
