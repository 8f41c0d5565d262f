#include "train/output.h"
#include "base/error.h"
#include "base/mem.h"
#include <crew/crew.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "DIR/NAME" -> "DIR/.NAME.THREAD.tmp", crew_free() it: two threads may save at once. */
static char *temporary_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t bytes = strlen(path) + 32;
    char *t = crew_alloc(bytes);
    if (t)
        snprintf(t, bytes, "%.*s.%s.%ld.tmp", (int)(name - path), path, name, (long)gettid());
    return t;
}

static crew_status refuse(const char *path, const char *why, struct crew_error *err)
{
    return crew_fail(err, CREW_EOUTPUT, "%s: cannot be written: %s", path, why);
}

/* Opens the temporary file; *temporary is the caller's also on failure. */
static crew_status open_beside(const char *path, bool replace, char **temporary, int *fd,
                               struct crew_error *err)
{
    struct stat st;
    *fd = -1;
    *temporary = NULL;
    size_t n = strlen(path);
    bool there = n && stat(path, &st) == 0;
    if (!n || path[n - 1] == '/' || (there && !S_ISREG(st.st_mode)))
        return refuse(n ? path : "''", "not the name of a regular file",
                      err);        /* never rename over /dev/null */
    if (!there && errno != ENOENT) /* who cannot be asked what it is may be one */
        return refuse(path, strerror(errno), err);
    if (!replace && (there || lstat(path, &st) == 0))
        return crew_fail(err, CREW_EOUTPUT, "%s: exists already", path);
    if (!replace && errno != ENOENT)
        return refuse(path, strerror(errno), err);
    if (!(*temporary = temporary_name(path)))
        return crew_fail(err, CREW_ENOMEM, "no memory to write %s", path);
    *fd = open(*temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    return *fd >= 0 ? CREW_OK : refuse(path, strerror(errno), err);
}

crew_status crew_output_check(const char *path, bool replace, struct crew_error *err)
{
    char *temporary;
    int fd;
    crew_status status = open_beside(path, replace, &temporary, &fd, err);
    if (fd >= 0) {
        close(fd);
        unlink(temporary);
    }
    crew_free(temporary);
    return status;
}

static bool write_all(int fd, const char *data, size_t bytes)
{
    while (bytes) {
        ssize_t n = write(fd, data, bytes < (1u << 30) ? bytes : 1u << 30);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        bytes -= (size_t)n;
    }
    return true;
}

/* The rename is on disk once its folder is. Not every file system can say so; false: the disk
 * failed. */
static bool sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? crew_strndup(path, (size_t)(slash - path) + 1) : crew_strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool failed = fd >= 0 && fsync(fd) != 0 && errno == EIO;
    if (fd >= 0)
        close(fd);
    crew_free(folder);
    return !failed;
}

crew_status crew_output_write(const char *path, bool replace, const struct crew_piece *piece,
                              size_t n, struct crew_error *err)
{
    char *temporary;
    int fd;
    crew_status status = open_beside(path, replace, &temporary, &fd, err);
    if (status == CREW_OK) {
        bool ok = true;
        for (size_t i = 0; i < n && ok; i++)
            ok = write_all(fd, piece[i].data, piece[i].bytes);
        ok = ok && fsync(fd) == 0;
        int why = ok ? 0 : errno;
        ok = close(fd) == 0 && ok && rename(temporary, path) == 0;
        if (!ok) {
            status = refuse(path, strerror(why ? why : errno), err);
            unlink(temporary);
        } else if (!sync_folder(path)) {
            status =
                crew_fail(err, CREW_EOUTPUT, "%s: is written, but its folder cannot be: %s",
                          path, strerror(EIO));
        }
    }
    crew_free(temporary);
    return status;
}
