/* background.job, self   the caller writes before E1, the thread reads after it
 * background.number      the caller only
 *
 * E1 publish: the caller sets go (release)    ->  the thread sees it (acquire)
 * E2 collect: the thread sets done (release)  ->  the caller sees it (acquire) */
#include "machine/background.h"
#include "base/error.h"
#include "base/mem.h"
#include "machine/park.h"
#include "machine/thread.h"
#include <string.h>

struct crew_background {
    struct crew_gate go, done;
    uint32_t number;     /* of the last job */
    void (*job)(void *); /* NULL: leave */
    void *self;
    bool started;
    pthread_t thread;
};

static void *work(void *arg)
{
    crew_background *b = arg;
    uint32_t number = 0;
    pthread_setname_np(pthread_self(), "crew save");
    for (;;) {
        number = crew_gate_wait(&b->go, number, 0); /* E1 */
        if (!b->job)
            return NULL;
        b->job(b->self);
        crew_gate_set(&b->done, number); /* E2 */
    }
}

crew_status crew_background_create(crew_background **out, struct crew_error *err)
{
    *out = NULL;
    crew_background *b = crew_zalloc(sizeof *b);
    if (!b)
        return crew_fail(err, CREW_ENOMEM, "no memory for a thread");
    int e = crew_thread_start(&b->thread, work, b);
    b->started = e == 0;
    if (e) {
        crew_background_destroy(b);
        return crew_fail(err, CREW_ETHREAD, "the thread that saves does not start: %s",
                         strerror(e));
    }
    *out = b;
    return CREW_OK;
}

static void hand(crew_background *b, void (*job)(void *), void *self)
{
    crew_background_wait(b);
    b->job = job;
    b->self = self;
    b->number = (b->number + 1) & (UINT32_MAX >> 1);
    crew_gate_set(&b->go, b->number); /* E1 */
}

void crew_background_start(crew_background *b, void (*job)(void *), void *self)
{
    hand(b, job, self);
}

/* done runs behind go by at most one. */
static bool done_by(crew_background *b, double until_s)
{
    return !b->number || crew_gate_wait_until(&b->done, (b->number - 1) & (UINT32_MAX >> 1),
                                              until_s); /* E2 */
}

bool crew_background_busy(crew_background *b)
{
    return !done_by(b, 0);
}

void crew_background_wait(crew_background *b)
{
    (void)done_by(b, -1);
}

void crew_background_destroy(crew_background *b)
{
    if (!b)
        return;
    if (b->started) {
        hand(b, NULL, NULL);
        pthread_join(b->thread, NULL);
    }
    crew_free(b);
}
