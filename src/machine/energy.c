/* powercap: each zone is a folder intel-rapl:N (AMD's too) with name, energy_uj and
 * max_energy_range_uj. Parts of a package, intel-rapl:N:M, are in its sum already, and psys
 * counts the whole board: both go by other names. intel-rapl-mmio repeats a package. Linux,
 * Documentation/power/powercap/powercap.rst. */
#include "machine/energy.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ZONES = 64, PATH = 512 };

struct zone {
    int file;            /* energy_uj, kept open */
    uint64_t range, now; /* microjoules: one past the largest value, the last value */
};

struct crew_energy {
    uint32_t n;
    double joules; /* NaN: a counter is gone, or out of its range */
    struct zone zone[ZONES];
};

/* The first line of a file; false and errno: it cannot be read. */
static bool read_line(int file, char *line, size_t cap)
{
    ssize_t n = pread(file, line, cap - 1, 0);
    line[n > 0 ? n : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return n >= 0;
}

static bool read_number(int file, uint64_t *out)
{
    char line[32];
    if (!read_line(file, line, sizeof line))
        return false;
    errno = EINVAL;
    return crew_text_u64(line, strlen(line), out);
}

static int open_in(const char *folder, const char *zone, const char *name, char path[PATH])
{
    snprintf(path, PATH, "%.300s/%.60s/%s", folder, zone, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool is_package(const char *folder, const char *zone)
{
    char path[PATH], name[64] = "";
    if (strncmp(zone, "intel-rapl:", 11) != 0)
        return false;
    int file = open_in(folder, zone, "name", path);
    bool read = file >= 0 && read_line(file, name, sizeof name);
    if (file >= 0)
        close(file);
    return read && strncmp(name, "package", 7) == 0;
}

/* A wrapped counter goes on at 0 after max_energy_range_uj. */
static crew_status add_zone(crew_energy *e, const char *folder, const char *zone,
                            struct crew_error *err)
{
    char path[PATH];
    struct zone *z = &e->zone[e->n];
    int range = open_in(folder, zone, "max_energy_range_uj", path);
    bool ok = range >= 0 && read_number(range, &z->range) && z->range < UINT64_MAX;
    int why = errno;
    if (range >= 0)
        close(range);
    if (ok) {
        z->range++;
        z->file = open_in(folder, zone, "energy_uj", path);
        ok = z->file >= 0 && read_number(z->file, &z->now) && z->now < z->range;
        why = errno;
        if (z->file >= 0 && !ok)
            close(z->file);
    }
    if (ok) {
        e->n++;
        return CREW_OK;
    }
    return crew_fail(err, CREW_EINPUT, "%s cannot be read: %s", path,
                     why == EACCES   ? "only root may"
                     : why == EINVAL ? "it holds no number, or one out of its range"
                                     : strerror(why));
}

static crew_status find_zones(crew_energy *e, const char *folder, struct crew_error *err)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return crew_fail(err, CREW_EINPUT, "no energy counters (%s: %s)", folder,
                         strerror(errno));
    crew_status status = CREW_OK;
    errno = 0;
    for (struct dirent *entry; status == CREW_OK && (entry = readdir(dir)); errno = 0)
        if (is_package(folder, entry->d_name))
            status = e->n < ZONES
                         ? add_zone(e, folder, entry->d_name, err)
                         : crew_fail(err, CREW_EINPUT, "more than %d energy counters", ZONES);
    if (status == CREW_OK && errno) /* a sum without one of them would be wrong */
        status =
            crew_fail(err, CREW_EINPUT, "no energy counters (%s: %s)", folder, strerror(errno));
    closedir(dir);
    if (status == CREW_OK && !e->n)
        status = crew_fail(err, CREW_EINPUT, "%s names no energy counter of a package", folder);
    return status;
}

crew_status crew_energy_open(const char *folder, crew_energy **out, struct crew_error *err)
{
    *out = NULL;
    crew_energy *e = crew_zalloc(sizeof *e);
    if (!e)
        return crew_fail(err, CREW_ENOMEM, "no memory for the energy counters");
    crew_status status = find_zones(e, folder ? folder : "/sys/class/powercap", err);
    if (status == CREW_OK)
        *out = e;
    else
        crew_energy_close(e);
    return status;
}

double crew_energy_joules(crew_energy *e)
{
    for (uint32_t i = 0; i < e->n; i++) {
        struct zone *z = &e->zone[i];
        uint64_t now;
        if (!read_number(z->file, &now) || now >= z->range)
            return e->joules = (double)NAN;
        uint64_t spent = now >= z->now ? now - z->now : now + z->range - z->now;
        e->joules += 1e-6 * (double)spent;
        z->now = now;
    }
    return e->joules;
}

uint32_t crew_energy_packages(const crew_energy *e)
{
    return e->n;
}

void crew_energy_close(crew_energy *e)
{
    if (!e)
        return;
    for (uint32_t i = 0; i < e->n; i++)
        close(e->zone[i].file);
    crew_free(e);
}
