/* What the control groups and the limits of its own leave to this process. Every path is read
 * below `root`: "" on the machine, a made-up tree in the tests. Files that are missing or
 * malformed count as "no limit". */
#ifndef CREW_MACHINE_LIMITS_H
#define CREW_MACHINE_LIMITS_H

#include <stdint.h>

/* CPU time in cores: the least quota over all ancestor groups, cgroup v1 and v2. 0: none. */
double crew_limits_quota_cores(const char *root);

/* Bytes still free: the least of MemAvailable, what is left below the memory limits of all
 * ancestor groups, and the address space. Page cache that can be dropped at once counts as
 * free. UINT64_MAX: unknown. */
uint64_t crew_limits_free_bytes(const char *root);

/* Address space still free below RLIMIT_AS and RLIMIT_DATA (ulimit -v and -d), whether it will
 * be touched or not. UINT64_MAX: there is no limit. */
uint64_t crew_limits_address_bytes(const char *root);

#endif
