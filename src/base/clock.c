#include "base/clock.h"
#include <stdio.h>
#include <time.h>

static double seconds(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double crew_now_s(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double crew_thread_cpu_s(void)
{
    return seconds(CLOCK_THREAD_CPUTIME_ID);
}

void crew_date(char *out, size_t cap)
{
    time_t now = time(NULL);
    struct tm utc;
    if (!gmtime_r(&now, &utc) || !strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &utc))
        snprintf(out, cap, "unknown");
}
