/* A folder of checkpoints. Their order is that of their rounds. */
#include "base/error.h"
#include "base/mem.h"
#include "train/checkpoint.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char HEAD[] = "checkpoint-", TAIL[] = ".safetensors", LEFT[] = ".tmp";
enum { DIGITS = 12 };

char *crew_folder_file(const char *path, uint64_t round)
{
    size_t bytes = strlen(path) + sizeof HEAD + sizeof TAIL + 32;
    char *file = crew_alloc(bytes);
    if (file)
        snprintf(file, bytes, "%s/%s%0*" PRIu64 "%s", path, HEAD, DIGITS, round, TAIL);
    return file;
}

static bool parse_name(const char *name, uint64_t *round)
{
    size_t head = sizeof HEAD - 1,
           digits = strspn(name + head * !strncmp(name, HEAD, head), "0123456789");
    if (strncmp(name, HEAD, head) || digits < DIGITS || digits > 18 ||
        strcmp(name + head + digits, TAIL))
        return false;
    *round = strtoull(name + head, NULL, 10);
    return true;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

/* What crew_output_write() was writing when its process was killed. */
static void clear_away(int folder)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] == '.' && !strncmp(e->d_name + 1, HEAD, sizeof HEAD - 1) &&
            ends_with(e->d_name, LEFT))
            (void)unlinkat(folder, e->d_name, 0);
    closedir(d);
}

crew_status crew_folder_open(struct crew_folder *f, const char *path, struct crew_error *err)
{
    f->lock = -1;
    if (!(f->path = crew_strdup(path)))
        return crew_fail(err, CREW_ENOMEM, "no memory for the name of a folder");
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return crew_fail(err, CREW_EOUTPUT, "checkpoint %s: the folder cannot be made: %s",
                         path, strerror(errno));
    f->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->lock < 0)
        return crew_fail(err, CREW_EOUTPUT, "checkpoint %s: %s", path, strerror(errno));
    /* Where a file system has no locks, there is none. */
    if (flock(f->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return crew_fail(err, CREW_EOUTPUT,
                         "checkpoint %s: another run keeps its checkpoints there", path);
    clear_away(f->lock);
    return CREW_OK;
}

void crew_folder_close(struct crew_folder *f)
{
    if (f->lock >= 0)
        close(f->lock);
    crew_free(f->path);
    *f = (struct crew_folder){.lock = -1};
}

static int newest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Counts them, and stores the first `room`; false, with errno: the folder cannot be read to its
 * end, and the newest may be among those that were not seen. */
static bool scan(DIR *d, uint64_t *round, size_t room, size_t *n)
{
    uint64_t r;
    *n = 0;
    rewinddir(d);
    errno = 0;
    for (const struct dirent *e; (e = readdir(d)); errno = 0)
        if (parse_name(e->d_name, &r)) {
            if (*n < room)
                round[*n] = r;
            ++*n;
        }
    return errno == 0;
}

crew_status crew_folder_list(const char *path, uint64_t **round, size_t *n,
                             struct crew_error *err)
{
    *round = NULL;
    *n = 0;
    DIR *d = opendir(path);
    if (!d && errno == ENOENT)
        return CREW_OK;
    if (!d)
        return crew_fail(err, CREW_EINPUT, "%s: %s", path, strerror(errno));
    size_t room, found = 0;
    bool whole = scan(d, NULL, 0, &room);
    if (whole && room && (*round = crew_alloc(room * sizeof **round)))
        whole = scan(d, *round, room, &found);
    int why = errno;
    closedir(d);
    if (!whole) {
        crew_free(*round);
        *round = NULL;
        return crew_fail(err, CREW_EINPUT, "%s: %s", path, strerror(why));
    }
    if (room && !*round)
        return crew_fail(err, CREW_ENOMEM, "no memory for the names in %s", path);
    *n = found < room ? found : room;
    if (*n)
        qsort(*round, *n, sizeof **round, newest_first);
    return CREW_OK;
}

void crew_folder_prune(const struct crew_folder *f, uint64_t round, uint32_t keep)
{
    uint64_t *r;
    size_t n, older = 0;
    if (crew_folder_list(f->path, &r, &n, NULL) != CREW_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        older += r[i] < round;
        char *file = older >= keep ? crew_folder_file(f->path, r[i]) : NULL;
        if (file)
            (void)unlink(file);
        crew_free(file);
    }
    crew_free(r);
}
