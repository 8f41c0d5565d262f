#include "cli/signals.h"
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static crew_trainer *_Atomic running;
static atomic_int caught;
static atomic_bool save_asked;

static void on_stop(int number)
{
    crew_trainer *t = atomic_load(&running);
    if (atomic_exchange(&caught, number))
        _exit(128 + number);
    if (t)
        crew_trainer_request_stop(t);
}

static void on_save(int number)
{
    crew_trainer *t = atomic_load(&running);
    (void)number;
    atomic_store(&save_asked, true);
    if (t)
        crew_trainer_request_checkpoint(t);
}

static void watch(int number, void (*handler)(int))
{
    struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART}, before;
    sigemptyset(&a.sa_mask);
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(number, &a, NULL);
}

void signals_watch(void)
{
    watch(SIGINT, on_stop);
    watch(SIGTERM, on_stop);
    watch(SIGHUP, on_stop);
    watch(SIGUSR1, on_save);
}

/* A signal between the two lines finds the trainer; one before them is seen by the second. */
void signals_to(crew_trainer *t)
{
    atomic_store(&running, t);
    if (t && atomic_load(&caught))
        crew_trainer_request_stop(t);
}

int signals_caught(void)
{
    return atomic_load(&caught);
}

bool signals_save_asked(void)
{
    return atomic_exchange(&save_asked, false);
}
