#include "fuzz.h"
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* ---- The heap: bytes in use and the most there were, of this thread while it counts ---- */

static _Thread_local struct {
    bool counts;
    int64_t now, most;
} heap;

static void count(int64_t bytes)
{
    if (!heap.counts)
        return;
    heap.now += bytes;
    heap.most = heap.now > heap.most ? heap.now : heap.most;
}

#if SANITIZED
int __sanitizer_install_malloc_and_free_hooks(void (*taken)(const volatile void *, size_t),
                                              void (*freed)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *p);

static void on_malloc(const volatile void *p, size_t bytes)
{
    (void)p;
    count((int64_t)bytes);
}

static void on_free(const volatile void *p)
{
    if (p && heap.counts)
        count(-(int64_t)__sanitizer_get_allocated_size(p));
}

static void watch_heap(void)
{
    static bool done;
    if (!done && !__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free))
        abort();
    done = true;
}
#elif defined(__GLIBC__)
/* The program's own functions take the place of the C library's, for the libraries too. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void __libc_free(void *p);

static void *counted(void *p)
{
    count((int64_t)malloc_usable_size(p));
    return p;
}

CREW_API void *malloc(size_t bytes)
{
    return counted(__libc_malloc(bytes));
}

CREW_API void *calloc(size_t n, size_t bytes)
{
    return counted(__libc_calloc(n, bytes));
}

CREW_API void *realloc(void *p, size_t bytes)
{
    int64_t before = (int64_t)malloc_usable_size(p);
    void *moved = __libc_realloc(p, bytes);
    if (moved || !bytes)
        count((int64_t)malloc_usable_size(moved) - before);
    return moved;
}

CREW_API int posix_memalign(void **out, size_t align, size_t bytes)
{
    void *p = counted(__libc_memalign(align, bytes));
    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}

CREW_API void *aligned_alloc(size_t align, size_t bytes)
{
    return counted(__libc_memalign(align, bytes));
}

CREW_API void free(void *p)
{
    count(-(int64_t)malloc_usable_size(p));
    __libc_free(p);
}

static void watch_heap(void)
{
}
#else
static void watch_heap(void) /* unknown: nothing is counted */
{
}
#endif

/* ---- One input ---- */

static double peak;

size_t fuzz_heap(void)
{
    return (size_t)heap.most;
}

double fuzz_peak(void)
{
    return peak;
}

static bool run_counted(const uint8_t *data, size_t n)
{
    heap.now = heap.most = 0;
    heap.counts = true;
    bool accepted = fuzz_target.run(data, n);
    heap.counts = false;
    return accepted;
}

bool fuzz_run(const uint8_t *data, size_t n)
{
    if (fuzz_target.longest && n > fuzz_target.longest)
        return false;
    watch_heap();
    bool accepted = run_counted(data, n);
    /* What is kept the first time may be the C library's for good; a leak grows again. */
    if (fuzz_target.threads)
        return accepted;
    for (int i = 0; i < 2 && heap.now > 0; i++)
        accepted = run_counted(data, n);
    if (heap.now > 0)
        fuzz_fail("%lld bytes are not given back", (long long)heap.now);
    double may = (double)fuzz_target.bytes_each * (double)n + (double)fuzz_target.bytes_more;
    peak = (double)heap.most / may > peak ? (double)heap.most / may : peak;
    if ((double)heap.most > may)
        fuzz_fail("%lld bytes of memory for an input of %zu, may be %.0f", (long long)heap.most,
                  n, may);
    return accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_run(data, n);
    return 0;
}

void fuzz_fail(const char *fmt, ...)
{
    va_list args;
    heap.counts = false;
    fprintf(stderr, "fuzz_%s: ", fuzz_target.name);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

bool fuzz_accepted_lines(crew_status status, const struct crew_error *err, int breaks)
{
    const char *end = memchr(err->text, '\0', sizeof err->text);
    if (status == CREW_OK)
        return true;
    if (err->status != status)
        fuzz_fail("status %d, the error says %d: %.500s", status, err->status, err->text);
    if (!end || end == err->text)
        fuzz_fail("no text with status %d", status);
    for (const char *s = err->text; s < end; s++) {
        breaks -= *s == '\n';
        if (((unsigned char)*s < ' ' && *s != '\n') || *s == 127 || breaks < 0)
            fuzz_fail("byte %zu of the text is %d: %s", (size_t)(s - err->text), *s, err->text);
    }
    return false;
}

bool fuzz_accepted(crew_status status, const struct crew_error *err)
{
    return fuzz_accepted_lines(status, err, 0);
}

/* ---- Files ---- */

const char *fuzz_file(const void *data, size_t n)
{
    static char path[40];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("input", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (fd < 0 || ftruncate(fd, 0) || (n && pwrite(fd, data, n, 0) != (ssize_t)n))
        fuzz_fail("no file in memory");
    return path;
}

static char folder[32], names[4][96];

static void remove_folder(void)
{
    for (size_t i = 0; i < 4; i++)
        unlink(names[i]);
    rmdir(folder);
}

const char *fuzz_path(const char *name)
{
    static unsigned next;
    static const char *const places[] = {"/dev/shm/crew-fuzz-XXXXXX", "/tmp/crew-fuzz-XXXXXX"};
    for (size_t i = 0; i < 2 && !*folder; i++) {
        snprintf(folder, sizeof folder, "%s", places[i]);
        if (!mkdtemp(folder))
            *folder = '\0';
        else
            atexit(remove_folder);
    }
    if (!*folder)
        fuzz_fail("no folder for files");
    for (size_t i = 0; i < 4; i++) {
        const char *slash = strrchr(names[i], '/');
        if (slash && !strcmp(slash + 1, name))
            return names[i];
    }
    char *path = names[next++ % 4];
    snprintf(path, sizeof names[0], "%s/%s", folder, name);
    return path;
}

char *fuzz_text(const uint8_t *data, size_t n)
{
    char *text = malloc(n + 1);
    if (!text)
        fuzz_fail("no memory for %zu bytes", n);
    if (n)
        memcpy(text, data, n);
    text[n] = '\0';
    return text;
}
