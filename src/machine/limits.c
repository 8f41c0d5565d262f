/* Control groups, read from /proc and the mounted hierarchies; resource limits, from /proc.
 *
 * /proc/self/cgroup names our group in each hierarchy, /proc/self/mountinfo says which part of
 * a hierarchy is mounted where. A limit of any ancestor binds, so each level from our group up
 * to the mount point is read. Inside containers the two files may disagree (the path is the
 * host's, the mount is the container's own group): then the mount point itself is the best that
 * can be known. Sources: cgroups(7), proc(5), Documentation/admin-guide/cgroup-v2.rst and
 * cgroup-v1 of Linux. */
#include "machine/limits.h"
#include "base/mem.h"
#include <crew/machine.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called for one directory of a hierarchy. */
typedef void level_fn(const char *root, const char *dir, void *ctx);

static FILE *open_file(const char *root, const char *dir, const char *name)
{
    size_t cap = strlen(root) + strlen(dir) + strlen(name) + 2;
    char *path = crew_alloc(cap);
    if (!path)
        return NULL;
    snprintf(path, cap, "%s%s/%s", root, dir, name);
    FILE *f = fopen(path, "re");
    crew_free(path);
    return f;
}

/* A decimal number at *s, which moves behind it. "max", "-1" and what overflows are no numbers.
 */
static bool parse_u64(const char **s, uint64_t *out)
{
    if (!isdigit((unsigned char)**s))
        return false;
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(*s, &end, 10);
    if (errno)
        return false;
    *s = end;
    *out = v;
    return true;
}

/* The one or two numbers ("a" or "a b") of a one-line file; b may be NULL. */
static bool read_numbers(const char *root, const char *dir, const char *name, uint64_t *a,
                         uint64_t *b)
{
    char line[64]; /* two 64-bit numbers need 43 */
    FILE *f = open_file(root, dir, name);
    bool ok = f && fgets(line, sizeof line, f);
    if (f)
        fclose(f);
    if (!ok)
        return false;
    const char *s = line;
    if (!parse_u64(&s, a) || (b && (*s++ != ' ' || !parse_u64(&s, b))))
        return false;
    return *s == '\n' || *s == '\0';
}

/* The number after `key` in a file of "key number" lines, as memory.stat and meminfo are. */
static bool read_key(const char *root, const char *dir, const char *name, const char *key,
                     uint64_t *out)
{
    char line[256];
    bool found = false;
    size_t len = strlen(key);
    FILE *f = open_file(root, dir, name);
    while (f && !found && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, len) != 0 || !isspace((unsigned char)line[len]))
            continue;
        const char *s = line + len + strspn(line + len, " \t");
        found = parse_u64(&s, out);
    }
    if (f)
        fclose(f);
    return found;
}

/* Is name an item of the comma-separated list? */
static bool list_has(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *s = list; s; s = strchr(s, ',')) {
        s += *s == ',';
        if (strncmp(s, name, len) == 0 && (s[len] == ',' || s[len] == '\0'))
            return true;
    }
    return false;
}

/* Our group's path in the hierarchy of a v1 controller, or in v2's (controller NULL); to be
 * freed. Lines are "id:controllers:path"; the path may hold more colons. */
static char *own_path(const char *root, const char *controller)
{
    char *line = NULL, *own = NULL;
    size_t cap = 0;
    FILE *f = open_file(root, "/proc/self", "cgroup");
    while (f && !own && getline(&line, &cap, f) > 0) {
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        strsep(&rest, ":");
        const char *controllers = strsep(&rest, ":");
        if (rest && (controller ? list_has(controllers, controller) : !*controllers))
            own = crew_strdup(rest);
    }
    free(line);
    if (f)
        fclose(f);
    return own;
}

/* A line of mountinfo: what matters of it. */
struct mount {
    char *root;    /* group shown at the mount point */
    char *point;   /* where */
    char *type;    /* "cgroup", "cgroup2" or another file system */
    char *options; /* of the superblock: v1 lists the controllers */
};

/* mountinfo writes blanks and backslashes in names as \ooo. */
static void unescape(char *s)
{
    char *to = s;
    for (; *s; s++) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && isdigit((unsigned char)s[2]) &&
            isdigit((unsigned char)s[3])) {
            *to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
            s += 3;
        } else {
            *to++ = *s;
        }
    }
    *to = '\0';
}

/* "36 35 98:0 /root /point options tags ... - type source super-options"; cuts up the line. */
static bool parse_mount(char *line, struct mount *mt)
{
    char *field[5];
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < 5; i++)
        if (!(field[i] = strsep(&line, " ")))
            return false;
    for (const char *tag = ""; strcmp(tag, "-") != 0;)
        if (!(tag = strsep(&line, " ")))
            return false;
    mt->root = field[3];
    mt->point = field[4];
    mt->type = strsep(&line, " ");
    strsep(&line, " ");
    mt->options = strsep(&line, " ");
    if (!mt->options)
        return false;
    unescape(mt->root);
    unescape(mt->point);
    return true;
}

/* The part of path below the group `top`, "" for top itself; NULL when it is not below. In a
 * group namespace what lies outside is written as "/..": unknown, so not below. */
static const char *below(const char *path, const char *top)
{
    size_t len = strcmp(top, "/") == 0 ? 0 : strlen(top);
    bool outside = strncmp(path, "/..", 3) == 0 && (path[3] == '/' || !path[3]);
    if (outside || strncmp(path, top, len) != 0)
        return NULL;
    path += len;
    if (*path && *path != '/')
        return NULL;
    return strcmp(path, "/") == 0 ? "" : path;
}

/* Visit point/rest and every directory above it, up to point. */
static void climb(const char *root, const char *point, const char *rest, level_fn *visit,
                  void *ctx)
{
    size_t top = strlen(point), cap = top + strlen(rest) + 1;
    char *dir = crew_alloc(cap);
    if (!dir)
        return;
    snprintf(dir, cap, "%s%s", point, rest);
    visit(root, dir, ctx);
    while (strlen(dir) > top) {
        *strrchr(dir, '/') =
            '\0'; /* rest starts with a slash, so there is one at top or behind */
        visit(root, dir, ctx);
    }
    crew_free(dir);
}

/* Visit our group and its ancestors in the hierarchy of a v1 controller, or v2's (NULL). */
static void each_level(const char *root, const char *controller, level_fn *visit, void *ctx)
{
    char *line = NULL, *fallback = NULL, *own = own_path(root, controller);
    size_t cap = 0;
    bool found = false;
    FILE *f = own ? open_file(root, "/proc/self", "mountinfo") : NULL;
    while (f && getline(&line, &cap, f) > 0) {
        struct mount mt;
        if (!parse_mount(line, &mt) ||
            strcmp(mt.type, controller ? "cgroup" : "cgroup2") != 0 ||
            (controller && !list_has(mt.options, controller)))
            continue;
        const char *rest = below(own, mt.root);
        if (rest) {
            climb(root, mt.point, rest, visit, ctx);
            found = true;
        } else if (!fallback) {
            fallback = crew_strdup(mt.point);
        }
    }
    if (!found && fallback)
        climb(root, fallback, "", visit, ctx);
    free(line);
    if (f)
        fclose(f);
    crew_free(fallback);
    crew_free(own);
}

static void least_quota(double *least, uint64_t quota_us, uint64_t period_us)
{
    double cores = period_us ? (double)quota_us / (double)period_us : 0.0;
    if (cores > 0.0 && (*least <= 0.0 || cores < *least))
        *least = cores;
}

static void quota_v1(const char *root, const char *dir, void *least)
{
    uint64_t quota, period;
    if (read_numbers(root, dir, "cpu.cfs_quota_us", &quota, NULL) &&
        read_numbers(root, dir, "cpu.cfs_period_us", &period, NULL))
        least_quota(least, quota, period);
}

static void quota_v2(const char *root, const char *dir, void *least)
{
    uint64_t quota, period;
    if (read_numbers(root, dir, "cpu.max", &quota, &period))
        least_quota(least, quota, period);
}

double crew_limits_quota_cores(const char *root)
{
    double least = 0.0;
    each_level(root, "cpu", quota_v1, &least);
    each_level(root, NULL, quota_v2, &least);
    return least;
}

struct memory_walk {
    const char *limit, *usage, *cache; /* files, and the key of memory.stat */
    uint64_t least;
};

static void memory_level(const char *root, const char *dir, void *ctx)
{
    struct memory_walk *w = ctx;
    uint64_t limit, usage = 0, cache = 0;
    /* v1 has no word for "none": it shows the largest page-aligned number */
    if (!read_numbers(root, dir, w->limit, &limit, NULL) || limit >= UINT64_C(1) << 62)
        return;
    (void)read_numbers(root, dir, w->usage, &usage, NULL);
    (void)read_key(root, dir, "memory.stat", w->cache, &cache);
    usage -= cache < usage ? cache : usage;
    uint64_t left = usage < limit ? limit - usage : 0;
    if (left < w->least)
        w->least = left;
}

/* setrlimit(2): RLIMIT_AS limits what is mapped, RLIMIT_DATA what of it is private and can be
 * written. proc(5) has both limits, soft ones first, and what they count. */
uint64_t crew_limits_address_bytes(const char *root)
{
    static const char *const limits[][2] = {{"Max address space", "VmSize:"},
                                            {"Max data size", "VmData:"}};
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        uint64_t limit, kib = 0;
        if (!read_key(root, "/proc/self", "limits", limits[i][0], &limit))
            continue;
        (void)read_key(root, "/proc/self", "status", limits[i][1], &kib);
        uint64_t left = kib < limit / 1024 ? limit - kib * 1024 : 0;
        least = left < least ? left : least;
    }
    return least;
}

uint64_t crew_limits_free_bytes(const char *root)
{
    struct memory_walk w = {"memory.limit_in_bytes", "memory.usage_in_bytes",
                            "total_inactive_file", crew_limits_address_bytes(root)};
    uint64_t kib;
    if (read_key(root, "/proc", "meminfo", "MemAvailable:", &kib) && kib < w.least / 1024)
        w.least = kib * 1024;
    each_level(root, "memory", memory_level, &w);
    w.usage = "memory.current";
    w.cache = "inactive_file";
    w.limit = "memory.max";
    each_level(root, NULL, memory_level, &w);
    w.limit = "memory.high"; /* above it the group is slowed down to a crawl */
    each_level(root, NULL, memory_level, &w);
    return w.least;
}

uint64_t crew_machine_free_bytes(void)
{
    return crew_limits_free_bytes("");
}
