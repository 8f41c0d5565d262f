/* Time. The only user of time.h: everything else handles seconds as double. */
#ifndef CREW_BASE_CLOCK_H
#define CREW_BASE_CLOCK_H

#include <stddef.h>

double crew_now_s(void);        /* monotonic, origin unspecified; 30 ns */
double crew_thread_cpu_s(void); /* CPU time of the calling thread; a system call, 0.4 us */
void crew_date(char *out, size_t cap); /* "2026-11-21T12:00:00Z" now */

#endif
