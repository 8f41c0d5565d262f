#include "machine/thread.h"
#include <signal.h>

enum { STACK_BYTES = 1 << 20 }; /* musl's default of 128 KiB is too little for BLAS */

int crew_thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int e = pthread_attr_init(&attr);
    if (e)
        return e;
    e = pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* a mapped file was cut short: the process may have a word to say */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (!e)
        e = pthread_create(thread, &attr, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return e;
}
