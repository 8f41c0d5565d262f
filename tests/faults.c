#include "testing.h"

#include "faults.h"
#include <dirent.h>
#include <execinfo.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Trying ---- */

static const char *const group_name[] = {"memory", "jansson's memory", "files", "system"};

static struct {
    const struct fault_scenario *s;
    unsigned long tolerated;
    char text[200]; /* what is being tried */
} trial;

static void show_failure(void)
{
    print_error("%s: %s fails, called by:\n", trial.text,
                fault.failed ? fault.failed : "nothing");
    fflush(stderr);
    backtrace_symbols_fd(fault.trace, fault.depth, STDERR_FILENO);
}

static void CREW_PRINTF(1, 2) fail_trial(const char *fmt, ...)
{
    char why[700];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    show_failure();
    fail_msg("%s", why);
}

static void check_nothing_lost(size_t descriptors)
{
    static const char *const kind[] = {"blocks of memory", "blocks of jansson's", "threads",
                                       "topologies", "bitmaps"};
    struct fault_held held;
    fault_held(&held);
    for (size_t k = 0; k < FAULT_KINDS; k++)
        if (held.n[k]) {
            backtrace_symbols_fd(&held.by[k], 1, STDERR_FILENO);
            fail_trial("%zu %s are lost, one was taken above", held.n[k], kind[k]);
        }
    if (fault_descriptors() != descriptors)
        fail_trial("%zu descriptors are open, %zu were before", fault_descriptors(),
                   descriptors);
}

/* One try; the call that failed, or NULL. */
static const char *try_once(const struct fault_scenario *s, enum fault_group group,
                            unsigned long at, bool on)
{
    struct crew_error err = {.status = CREW_OK};
    snprintf(trial.text, sizeof trial.text, "%s, %s, call %lu%s", s->name, group_name[group],
             at, on ? " and all after it" : "");
    if (s->before)
        s->before();
    size_t descriptors = fault_descriptors();
    fault.group = group;
    fault.at = at;
    fault.on = on;
    fault.json_grows = s->reads_json;
    fault.calls = 0;
    fault.failed = NULL;
    fault.depth = 0;
    fault.watched = true;
    crew_status status = s->run(&err);
    fault.watched = false;
    const char *failed = fault.failed;
    check_nothing_lost(descriptors);
    if (!failed && status != CREW_OK)
        fail_trial("without a failure: %s", err.text);
    if (status != CREW_OK && (!err.text[0] || err.status != status))
        fail_trial("status %d, and the sentence is '%s' of status %d", status, err.text,
                   err.status);
    if (s->after && !s->after(status, failed ? failed : ""))
        fail_trial("status %d (%s): something is harmed, or the result is not whole", status,
                   err.text);
    if (failed && status == CREW_OK) {
        trial.tolerated++;
        if (getenv("FAULT_SHOW"))
            show_failure();
    }
    return failed;
}

/* What one try spoilt for later ones would show in the next, too: that gets one call further.
 * So one without a failure is made now and then, and at the end. */
enum { CLEAN = 8, MANY = 300 };

/* How many calls there were. */
static unsigned long try_calls(const struct fault_scenario *s, enum fault_group group, bool on,
                               unsigned long step)
{
    unsigned long at = 1, tries = 0;
    trial.tolerated = 0;
    for (; try_once(s, group, at, on); at += step)
        if (++tries % CLEAN == 0)
            (void)try_once(s, group, 0, on);
    printf("%s, %s: %lu failures%s, %lu of them tolerated\n", s->name, group_name[group], tries,
           on ? " that stay" : "", trial.tolerated);
    return at - 1;
}

void fault_try_some(const struct fault_scenario *s, unsigned groups, unsigned step)
{
    for (int g = 0; g < FAULT_GROUPS; g++)
        if (groups >> g & 1) {
            unsigned long calls = try_calls(s, (enum fault_group)g, false, step);
            try_calls(s, (enum fault_group)g, true, step == 1 && calls > MANY ? 4 : step);
        }
}

void fault_try(const struct fault_scenario *s)
{
    fault_try_some(s, (1u << FAULT_GROUPS) - 1, 1);
}

/* ---- Files ---- */

/* In memory where there is such a place: disks take their time to sync. */
static char folder[64];

int fault_enter(void **state)
{
    (void)state;
    bool shm = access("/dev/shm", W_OK) == 0;
    snprintf(folder, sizeof folder, "%s/crew-fault-XXXXXX", shm ? "/dev/shm" : "/tmp");
    fault_hold_json();
    return !mkdtemp(folder);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

void fault_remove(const char *path)
{
    (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int fault_leave(void **state)
{
    (void)state;
    fault_remove(folder);
    return access(folder, F_OK) == 0;
}

size_t fault_files(const char *path)
{
    size_t n = 0;
    DIR *d = opendir(path);
    for (const struct dirent *e; d && (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (d)
        closedir(d);
    return n;
}

const char *fault_path(const char *name)
{
    static char path[8][256];
    static unsigned next;
    char *out = path[next++ % 8];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

char *fault_read_file(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *bytes = (size_t)ftell(f);
    rewind(f);
    char *all = malloc(*bytes + 1);
    assert_non_null(all);
    assert_int_equal(fread(all, 1, *bytes, f), *bytes);
    all[*bytes] = '\0';
    fclose(f);
    return all;
}

void fault_write_file(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

bool fault_same_file(const char *a, const char *b)
{
    size_t n = 0, m = 0;
    char *x = fault_read_file(a, &n), *y = fault_read_file(b, &m);
    bool same = x && y && n == m && !memcmp(x, y, n);
    free(x);
    free(y);
    return same;
}
