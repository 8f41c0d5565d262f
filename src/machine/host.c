/* Sources: Documentation/admin-guide/pm/cpufreq.rst,
 * Documentation/ABI/stable/sysfs-devices-node of Linux, uname(2). */
#include "machine/host.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

enum { PATH_ROOM = 512 };

static FILE *open_below(const char *root, const char *path)
{
    char full[PATH_ROOM];
    int len = snprintf(full, sizeof full, "%s%s", root, path);
    return len > 0 && (size_t)len < sizeof full ? fopen(full, "re") : NULL;
}

/* The first word of a file; "" when there is none, or it does not fit or is not plain text. */
static void read_word(const char *root, const char *path, char *out, size_t cap)
{
    char line[128] = "";
    FILE *f = open_below(root, path);
    if (f && !fgets(line, sizeof line, f))
        *line = '\0';
    if (f)
        fclose(f);
    size_t len = strcspn(line, " \t\n");
    for (size_t i = 0; i < len; i++)
        if (line[i] <= ' ' || line[i] > '~')
            len = 0;
    if (len >= cap)
        len = 0;
    memcpy(out, line, len);
    out[len] = '\0';
}

void crew_host_read(const char *root, struct crew_host *out)
{
    struct utsname name;
    memset(out, 0, sizeof *out);
    if (uname(&name) >= 0) {
        snprintf(out->kernel, sizeof out->kernel, "%s %s", name.sysname, name.release);
        snprintf(out->architecture, sizeof out->architecture, "%s", name.machine);
    }
    read_word(root, "/sys/devices/system/cpu/cpu0/microcode/version", out->microcode,
              sizeof out->microcode);
}

void crew_host_frequency(const char *root, struct crew_cpu *cpu)
{
    char path[96], khz[24];
    uint64_t value;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor",
             cpu->cpu);
    read_word(root, path, cpu->governor, sizeof cpu->governor);
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/cpufreq/scaling_max_freq",
             cpu->cpu);
    read_word(root, path, khz, sizeof khz);
    if (crew_text_u64(khz, strlen(khz), &value) && value / 1000 <= UINT32_MAX)
        cpu->max_mhz = (uint32_t)(value / 1000);
}

uint64_t crew_host_node_free_bytes(const char *root, uint32_t node)
{
    char path[64], line[128];
    unsigned long long kib;
    uint64_t bytes = UINT64_MAX;
    snprintf(path, sizeof path, "/sys/devices/system/node/node%u/meminfo", node);
    FILE *f = open_below(root, path);
    while (f && bytes == UINT64_MAX && fgets(line, sizeof line, f)) /* "Node 0 MemFree: 1 kB" */
        if (sscanf(line, "Node %*u MemFree: %19llu kB", &kib) == 1 && kib < UINT64_MAX / 1024)
            bytes = kib * 1024;
    if (f)
        fclose(f);
    return bytes;
}
