#include "cli/signals.h"
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static crew_trainer *_Atomic running;
static atomic_int caught;
static atomic_bool save_asked, told;

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

/* Whoever reads a mapped file; several workers may at the same time, and one of them tells. */
static void on_bus(int number, siginfo_t *info, void *context)
{
    static const char text[] =
        "crew: a data file that is mapped (--data-map) was cut short, or "
        "cannot be read\n";
    (void)context;
    while (info->si_code == BUS_ADRERR && atomic_exchange(&told, true))
        pause();
    if (info->si_code == BUS_ADRERR)
        _exit(write(STDERR_FILENO, text, sizeof text - 1) > 0 ? 3 : 1);
    signal(number, SIG_DFL); /* anything else: as if it were not watched, once this returns */
    raise(number);
}

void signals_watch_files(void)
{
    struct sigaction a = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
    sigemptyset(&a.sa_mask);
    sigaction(SIGBUS, &a, NULL);
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
