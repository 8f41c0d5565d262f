/* What the kernel tells about the machine it runs on, beside the topology. Every path is read
 * below `root`: "" on the machine, a made-up tree in the tests. What is missing or malformed is
 * unknown: many systems (virtual machines, containers) have none of these files. */
#ifndef CREW_MACHINE_HOST_H
#define CREW_MACHINE_HOST_H

#include <crew/machine.h>
#include <stdint.h>

struct crew_host {
    char kernel[160];      /* "Linux 6.1.0-18-amd64" */
    char architecture[72]; /* "x86_64" */
    char microcode[32];    /* revision in CPU 0; "": unknown */
};
void crew_host_read(const char *root, struct crew_host *out);

/* cpu->governor and cpu->max_mhz, from the CPU's cpufreq policy. */
void crew_host_frequency(const char *root, struct crew_cpu *cpu);

/* Free memory of a NUMA node in bytes, UINT64_MAX: unknown. */
uint64_t crew_host_node_free_bytes(const char *root, uint32_t node);

#endif
