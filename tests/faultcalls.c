#include "testing.h"

#include "faults.h"
#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <hwloc.h>
#include <jansson.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

/* ---- Which call fails ---- */

struct fault fault;

static bool fails(enum fault_group group, const char *name)
{
    if (!fault.watched || group != fault.group)
        return false;
    unsigned long call = atomic_fetch_add(&fault.calls, 1) + 1;
    if (!fault.at || call < fault.at || (call > fault.at && !fault.on))
        return false;
    if (call == fault.at) {
        fault.depth = backtrace(fault.trace, FAULT_DEPTH);
        fault.failed = name;
    }
    return true;
}

/* ---- What is taken and not yet given back, while a try runs ---- */

enum { PLACES = 1 << 14 };
static struct place {
    const void *what;
    enum fault_kind kind;
    void *by;    /* who took it */
} place[PLACES]; /* open addressing; under the lock */
static size_t held[FAULT_KINDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t home_of(const void *what)
{
    return (size_t)(((uintptr_t)what >> 4) * 0x9e3779b97f4a7c15u >> 32) % PLACES;
}

static void took(enum fault_kind kind, const void *what, void *by)
{
    if (!fault.watched || !what)
        return;
    pthread_mutex_lock(&lock);
    size_t i = home_of(what);
    while (place[i].what)
        i = (i + 1) % PLACES;
    place[i] = (struct place){what, kind, by};
    held[kind]++;
    assert_true(held[kind] < PLACES / 2);
    pthread_mutex_unlock(&lock);
}

static void gave(const void *what)
{
    if (!fault.watched || !what)
        return;
    pthread_mutex_lock(&lock);
    size_t i = home_of(what), next;
    while (place[i].what && place[i].what != what)
        i = (i + 1) % PLACES;
    if (place[i].what) {
        held[place[i].kind]--;
        place[i].what = NULL;
        /* Nobody behind the gap may become unreachable. */
        for (next = (i + 1) % PLACES; place[next].what; next = (next + 1) % PLACES) {
            size_t from = (next - home_of(place[next].what) + PLACES) % PLACES,
                   gap = (next - i + PLACES) % PLACES;
            if (from >= gap) {
                place[i] = place[next];
                place[next].what = NULL;
                i = next;
            }
        }
    }
    pthread_mutex_unlock(&lock);
}

void fault_held(struct fault_held *out)
{
    size_t all = 0;
    for (size_t k = 0; k < FAULT_KINDS; k++)
        all += out->n[k] = held[k];
    for (size_t i = 0; i < PLACES && all; i++)
        if (place[i].what)
            out->by[place[i].kind] = place[i].by;
    if (all) { /* told once */
        memset(place, 0, sizeof place);
        memset(held, 0, sizeof held);
    }
}

/* ---- The calls ---- */

/* The Makefile reads the names off the lines that begin with WRAP. */
#define WRAP(TYPE, NAME, PARAMETERS) \
    TYPE __real_##NAME PARAMETERS;   \
    TYPE __wrap_##NAME PARAMETERS;   \
    TYPE __wrap_##NAME PARAMETERS
/* One that does nothing but fail. */
#define WRAP_FAIL(TYPE, NAME, PARAMETERS, ARGUMENTS, GROUP, RESULT, WHY) \
    WRAP(TYPE, NAME, PARAMETERS)                                         \
    {                                                                    \
        FAIL(GROUP, NAME, RESULT, WHY)                                   \
        return __real_##NAME ARGUMENTS;                                  \
    }
#define FAIL(GROUP, NAME, RESULT, WHY) \
    if (fails(FAULT_##GROUP, #NAME)) { \
        errno = WHY;                   \
        return RESULT;                 \
    }
#define TOOK(KIND, WHAT) took(KIND, WHAT, __builtin_return_address(0))

WRAP(void *, malloc, (size_t bytes))
{
    FAIL(MEMORY, malloc, NULL, ENOMEM)
    void *p = __real_malloc(bytes);
    TOOK(BLOCK, p);
    return p;
}

WRAP(void *, calloc, (size_t n, size_t bytes))
{
    FAIL(MEMORY, calloc, NULL, ENOMEM)
    void *p = __real_calloc(n, bytes);
    TOOK(BLOCK, p);
    return p;
}

WRAP(void *, realloc, (void *old, size_t bytes))
{
    FAIL(MEMORY, realloc, NULL, ENOMEM)
    gave(old);
    void *p = __real_realloc(old, bytes);
    TOOK(BLOCK, p);
    return p;
}

WRAP(int, posix_memalign, (void **out, size_t align, size_t bytes))
{
    FAIL(MEMORY, posix_memalign, ENOMEM, ENOMEM)
    int e = __real_posix_memalign(out, align, bytes);
    if (!e)
        TOOK(BLOCK, *out);
    return e;
}

WRAP(int, vasprintf, (char **out, const char *fmt, va_list args))
{
    FAIL(MEMORY, vasprintf, -1, ENOMEM)
    int n = __real_vasprintf(out, fmt, args);
    if (n >= 0)
        TOOK(BLOCK, *out);
    return n;
}

WRAP(void, free, (void *p))
{
    gave(p);
    __real_free(p);
}

/* jansson's own. Texts that it made are freed by free(). */
static void *json_take(size_t bytes)
{
    bool doubled = bytes >= 32 && !(bytes & (bytes - 1));
    if (!doubled || !fault.json_grows)
        FAIL(JSON, jansson, NULL, ENOMEM)
    void *p = __real_malloc(bytes);
    TOOK(JSON_BLOCK, p);
    return p;
}

static void json_give(void *p)
{
    gave(p);
    __real_free(p);
}

WRAP(int, inflateInit2_, (z_stream * z, int bits, const char *version, int size))
{
    FAIL(MEMORY, inflateInit2_, Z_MEM_ERROR, ENOMEM)
    return __real_inflateInit2_(z, bits, version, size);
}

WRAP(void *, hwloc_alloc, (hwloc_topology_t t, size_t bytes))
{
    FAIL(MEMORY, hwloc_alloc, NULL, ENOMEM)
    void *p = __real_hwloc_alloc(t, bytes);
    TOOK(BLOCK, p);
    return p;
}

WRAP(int, hwloc_free, (hwloc_topology_t t, void *p, size_t bytes))
{
    gave(p);
    return __real_hwloc_free(t, p, bytes);
}

/* ---- Files ---- */

WRAP(int, open, (const char *path, int flags, ...))
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    FAIL(FILES, open, -1, EMFILE)
    return __real_open(path, flags, mode);
}

WRAP(int, openat, (int folder, const char *path, int flags, ...))
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    FAIL(FILES, openat, -1, EMFILE)
    return __real_openat(folder, path, flags, mode);
}

/* A disk that is full takes some of it first. */
WRAP(ssize_t, write, (int fd, const void *data, size_t bytes))
{
    if (fails(FAULT_FILES, "write")) {
        ssize_t n = __real_write(fd, data, bytes / 2);
        errno = ENOSPC;
        return n > 0 ? n : -1;
    }
    return __real_write(fd, data, bytes);
}

/* What is closed is gone, even so: close(2). */
WRAP(int, close, (int fd))
{
    int result = __real_close(fd);
    FAIL(FILES, close, -1, EIO)
    return result;
}

WRAP_FAIL(int, fsync, (int fd), (fd), FILES, -1, EIO)
WRAP_FAIL(int, ftruncate, (int fd, off_t to), (fd, to), FILES, -1, EIO)
WRAP_FAIL(int, rename, (const char *a, const char *b), (a, b), FILES, -1, EACCES)
WRAP_FAIL(int, mkdir, (const char *path, mode_t mode), (path, mode), FILES, -1, ENOSPC)
WRAP_FAIL(int, stat, (const char *path, struct stat *st), (path, st), FILES, -1, EIO)
WRAP_FAIL(int, lstat, (const char *path, struct stat *st), (path, st), FILES, -1, EIO)
WRAP_FAIL(int, fstat, (int fd, struct stat *st), (fd, st), FILES, -1, EIO)
WRAP_FAIL(int, access, (const char *path, int how), (path, how), FILES, -1, EIO)
WRAP_FAIL(int, flock, (int fd, int how), (fd, how), FILES, -1, ENOLCK)
WRAP_FAIL(off_t, lseek, (int fd, off_t to, int from), (fd, to, from), FILES, -1, EIO)
WRAP_FAIL(DIR *, opendir, (const char *path), (path), FILES, NULL, EMFILE)
WRAP_FAIL(DIR *, fdopendir, (int fd), (fd), FILES, NULL, ENOMEM)
WRAP_FAIL(struct dirent *, readdir, (DIR * d), (d), FILES, NULL, EIO)
WRAP_FAIL(FILE *, fopen, (const char *path, const char *how), (path, how), FILES, NULL, EMFILE)
WRAP_FAIL(FILE *, fdopen, (int fd, const char *how), (fd, how), FILES, NULL, ENOMEM)
WRAP_FAIL(FILE *, open_memstream, (char **out, size_t *bytes), (out, bytes), MEMORY, NULL,
          ENOMEM)

/* From here on all reading or writing of it fails, and libc knows. */
static void break_stream(FILE *f, const char *name, const char *instead, int flags)
{
    int fd = fileno(f);
    if (fd < 0 || !fails(FAULT_FILES, name))
        return;
    int other = __real_open(instead, flags | O_CLOEXEC);
    assert_true(other >= 0 && dup2(other, fd) == fd);
    __real_close(other);
}
#define BREAK_READING(F, NAME) break_stream(F, #NAME, "/", O_RDONLY | O_DIRECTORY)
#define BREAK_WRITING(F, NAME) break_stream(F, #NAME, "/dev/full", O_WRONLY)

WRAP(size_t, fread, (void *to, size_t size, size_t n, FILE *f))
{
    BREAK_READING(f, fread);
    return __real_fread(to, size, n, f);
}

WRAP(char *, fgets, (char *to, int n, FILE *f))
{
    BREAK_READING(f, fgets);
    return __real_fgets(to, n, f);
}

WRAP(size_t, fwrite, (const void *from, size_t size, size_t n, FILE *f))
{
    BREAK_WRITING(f, fwrite);
    return __real_fwrite(from, size, n, f);
}

WRAP(int, fputs, (const char *s, FILE *f))
{
    BREAK_WRITING(f, fputs);
    return __real_fputs(s, f);
}

WRAP(int, fputc, (int c, FILE *f))
{
    BREAK_WRITING(f, fputc);
    return __real_fputc(c, f);
}

WRAP(int, fprintf, (FILE * f, const char *fmt, ...))
{
    va_list args;
    BREAK_WRITING(f, fprintf);
    va_start(args, fmt);
    int n = vfprintf(f, fmt, args);
    va_end(args);
    return n;
}

WRAP(int, json_dumpf, (const json_t *json, FILE *f, size_t flags))
{
    BREAK_WRITING(f, json_dumpf);
    return __real_json_dumpf(json, f, flags);
}

WRAP(int, fclose, (FILE * f))
{
    int result = __real_fclose(f);
    FAIL(FILES, fclose, EOF, EIO)
    return result;
}

/* ---- Threads, binding, hwloc ---- */

WRAP(int, pthread_create,
     (pthread_t * out, const pthread_attr_t *attr, void *(*run)(void *), void *self))
{
    FAIL(SYSTEM, pthread_create, EAGAIN, EAGAIN)
    int e = __real_pthread_create(out, attr, run, self);
    if (!e)
        TOOK(THREAD, (const void *)*out);
    return e;
}

WRAP(int, pthread_join, (pthread_t thread, void **out))
{
    gave((const void *)thread);
    return __real_pthread_join(thread, out);
}

WRAP_FAIL(int, pthread_attr_init, (pthread_attr_t * a), (a), SYSTEM, ENOMEM, ENOMEM)
WRAP_FAIL(int, pthread_attr_setstacksize, (pthread_attr_t * a, size_t n), (a, n), SYSTEM,
          EINVAL, EINVAL)

WRAP(int, hwloc_topology_init, (hwloc_topology_t * out))
{
    FAIL(SYSTEM, hwloc_topology_init, -1, ENOMEM)
    int e = __real_hwloc_topology_init(out);
    if (!e)
        TOOK(TOPOLOGY, *out);
    return e;
}

WRAP(void, hwloc_topology_destroy, (hwloc_topology_t t))
{
    gave(t);
    __real_hwloc_topology_destroy(t);
}

WRAP(hwloc_bitmap_t, hwloc_bitmap_alloc, (void))
{
    FAIL(SYSTEM, hwloc_bitmap_alloc, NULL, ENOMEM)
    hwloc_bitmap_t set = __real_hwloc_bitmap_alloc();
    TOOK(BITMAP, set);
    return set;
}

WRAP(void, hwloc_bitmap_free, (hwloc_bitmap_t set))
{
    gave(set);
    __real_hwloc_bitmap_free(set);
}

WRAP(int, hwloc_bitmap_list_asprintf, (char **out, hwloc_const_bitmap_t set))
{
    FAIL(SYSTEM, hwloc_bitmap_list_asprintf, -1, ENOMEM)
    int n = __real_hwloc_bitmap_list_asprintf(out, set);
    if (n >= 0)
        TOOK(BLOCK, *out);
    return n;
}

WRAP_FAIL(int, hwloc_bitmap_only, (hwloc_bitmap_t set, unsigned i), (set, i), SYSTEM, -1,
          ENOMEM)
WRAP_FAIL(int, hwloc_topology_load, (hwloc_topology_t t), (t), SYSTEM, -1, EINVAL)
WRAP_FAIL(int, hwloc_topology_set_flags, (hwloc_topology_t t, unsigned long f), (t, f), SYSTEM,
          -1, EINVAL)
WRAP_FAIL(int, hwloc_topology_set_synthetic, (hwloc_topology_t t, const char *s), (t, s),
          SYSTEM, -1, EINVAL)
WRAP_FAIL(int, hwloc_get_cpubind, (hwloc_topology_t t, hwloc_cpuset_t set, int f), (t, set, f),
          SYSTEM, -1, ENOSYS)
WRAP_FAIL(int, hwloc_set_cpubind, (hwloc_topology_t t, hwloc_const_cpuset_t set, int f),
          (t, set, f), SYSTEM, -1, EPERM)
WRAP_FAIL(int, hwloc_cpukinds_get_nr, (hwloc_topology_t t, unsigned long f), (t, f), SYSTEM, -1,
          EINVAL)
WRAP_FAIL(int, sched_getcpu, (void), (), SYSTEM, -1, ENOSYS)
WRAP_FAIL(int, socket, (int a, int b, int c), (a, b, c), SYSTEM, -1, EMFILE)
WRAP_FAIL(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), SYSTEM, -1,
          EACCES)
WRAP_FAIL(int, getrlimit, (__rlimit_resource_t what, struct rlimit *out), (what, out), SYSTEM,
          -1, EINVAL)
WRAP_FAIL(int, uname, (struct utsname * out), (out), SYSTEM, -1, EFAULT)
WRAP_FAIL(void *, mmap, (void *at, size_t n, int how, int flags, int fd, off_t from),
          (at, n, how, flags, fd, from), FILES, MAP_FAILED, ENODEV)
WRAP_FAIL(int, madvise, (void *p, size_t n, int how), (p, n, how), SYSTEM, -1, EINVAL)

/* OpenBLAS tested itself enough in the other tests: three quarters of the time of a try. */
WRAP(uint64_t, crew_blas_probe, (float *scratch))
{
    (void)scratch;
    return 1;
}

void fault_hold_json(void)
{
    json_set_alloc_funcs(json_take, json_give);
}

size_t fault_descriptors(void)
{
    size_t n = 0;
    DIR *d = __real_opendir("/proc/self/fd");
    assert_non_null(d);
    while (__real_readdir(d))
        n++;
    closedir(d);
    return n;
}
