/* Threads as this library starts them. */
#ifndef CREW_MACHINE_THREAD_H
#define CREW_MACHINE_THREAD_H

#include <pthread.h>

/* With a stack that BLAS fits into and every signal blocked: signals are the application's.
 * 0 or an errno. */
int crew_thread_start(pthread_t *thread, void *(*run)(void *), void *arg);

#endif
