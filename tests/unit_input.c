/* Files of strangers: what is opened, lines and JSON of bounded size; and every reader before
 * folders, devices, pipes without an end, and files that end early. */
#include "base/input.h"
#include "data/source.h"
#include "exec/replay.h"
#include "study/logread.h"
#include "study/runlog.h"
#include "testing.h"
#include "train/profile.h"
#include "train/safetensors.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/crew-test-XXXXXX", file[64], pipe_path[64];
static struct crew_error err;

static int enter(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return 1;
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(pipe_path, sizeof pipe_path, "%s/pipe", folder);
    return mkfifo(pipe_path, 0600);
}

static int leave(void **state)
{
    (void)state;
    unlink(file);
    unlink(pipe_path);
    return rmdir(folder);
}

static void put(const char *text, size_t n)
{
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void assert_says(const char *part)
{
    if (!strstr(err.text, part) || strchr(err.text, '\n'))
        fail_msg("\"%s\" does not say \"%s\" in one line", err.text, part);
}

/* ---- Lines ---- */

static void take_line(struct crew_lines *l, const char *want, size_t n)
{
    char *line;
    size_t got;
    assert_int_equal(crew_lines_next(l, &line, &got, &err), CREW_OK);
    assert_non_null(line);
    assert_int_equal(got, n);
    assert_memory_equal(line, want, n);
    assert_int_equal(line[n], 0);
}

static void lines_come_one_by_one(void **state)
{
    (void)state;
    static const char text[] = "one\n\ntwo\r\na\0b\nlast";
    struct crew_lines l = {.path = "x", .most = 5};
    char *line;
    size_t n;
    put(text, sizeof text - 1);
    assert_int_equal(crew_input_open(file, &l.file, &err), CREW_OK);
    take_line(&l, "one", 3);
    take_line(&l, "", 0);
    take_line(&l, "two\r", 4);
    take_line(&l, "a\0b", 3);
    take_line(&l, "last", 4);
    assert_int_equal(l.number, 5);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(crew_lines_next(&l, &line, &n, &err), CREW_OK);
        assert_null(line);
    }
    fclose(l.file);
    crew_lines_free(&l);
}

/* Of every length around those at which the buffer grows. */
static void long_lines_come_whole(void **state)
{
    (void)state;
    enum { MOST = 70000 };
    char *text = malloc(2 * MOST + 2);
    assert_non_null(text);
    for (size_t length = 16380; length <= 65540; length += length == 16390 ? 49140 : 1) {
        struct crew_lines l = {.path = "x", .most = MOST};
        memset(text, 'a', 2 * length + 2);
        text[length] = '\n';
        put(text, 2 * length + 1);
        assert_int_equal(crew_input_open(file, &l.file, &err), CREW_OK);
        take_line(&l, text, length);
        take_line(&l, text, length);
        fclose(l.file);
        crew_lines_free(&l);
    }
    free(text);
}

static void lines_that_are_too_long_are_refused(void **state)
{
    (void)state;
    char *line;
    size_t n;
    for (int ended = 0; ended < 2; ended++) {
        struct crew_lines l = {.path = "x", .most = 3};
        put("abc\nabcd\n", ended ? 9 : 8);
        assert_int_equal(crew_input_open(file, &l.file, &err), CREW_OK);
        take_line(&l, "abc", 3);
        assert_int_equal(crew_lines_next(&l, &line, &n, &err), CREW_EFORMAT);
        assert_string_equal(err.text, "x, line 2: longer than 3 bytes");
        fclose(l.file);
        crew_lines_free(&l);
    }
}

static void a_line_without_end_takes_bounded_memory(void **state)
{
    (void)state;
    char *line;
    size_t n;
    struct crew_lines l = {.path = "zeros", .most = 1 << 20, .file = fopen("/dev/zero", "rb")};
    assert_non_null(l.file);
    assert_int_equal(crew_lines_next(&l, &line, &n, &err), CREW_EFORMAT);
    assert_true(l.room <= 1 << 21);
    fclose(l.file);
    crew_lines_free(&l);
}

/* ---- JSON ---- */

static void json_costs_by_its_punctuation(void **state)
{
    (void)state;
    assert_true(crew_json_bytes("", 0) == 0);
    double two = crew_json_bytes("{},{}", 5), one = crew_json_bytes("{},", 3);
    assert_true(two > 2 * 256 && one > 256);
    assert_true(one + crew_json_bytes("{}", 2) == two); /* of pieces the sum */
    assert_true(crew_json_bytes("aaaa", 4) < 20);
}

/* ---- Every reader ---- */

static crew_status read_source(const char *path)
{
    struct crew_source s;
    crew_status status = crew_source_open(path, 100000, &s, &err);
    crew_source_close(&s);
    return status;
}

static crew_status read_replay(const char *path)
{
    struct crew_replay *r;
    crew_status status = crew_replay_read(path, &r, &err);
    crew_replay_destroy(r);
    return status;
}

static crew_status read_profile(const char *path)
{
    struct crew_profile p;
    crew_status status = crew_profile_read(path, &p, &err);
    crew_profile_free(&p);
    return status;
}

static crew_status read_tensors(const char *path)
{
    crew_st_file *f;
    crew_status status = crew_st_read(path, &f, &err);
    crew_st_close(f);
    return status;
}

static crew_status read_log(const char *path)
{
    static struct crew_logs all;
    crew_status status = crew_logs_read(&all, path, &err);
    crew_logs_free(&all);
    return status;
}

static crew_status read_times(const char *path)
{
    char spec[100];
    double *times;
    size_t n;
    snprintf(spec, sizeof spec, "@%s", path);
    crew_status status = crew_times_read(spec, &times, &n, &err);
    crew_times_free(times);
    return status;
}

static crew_status read_config(const char *path)
{
    void *texts;
    crew_status status = crew_runlog_config(path, NULL, 0, &texts, &err);
    crew_runlog_config_free(texts);
    return status;
}

static const struct {
    crew_status (*read)(const char *path);
    const char *endless; /* what is said of a pipe full of commas, or NULL */
} readers[] = {
    {read_source, "holds more than 100000 bytes"},
    {read_replay, "line 1: longer than 1048576 bytes"},
    {read_log, "line 1: longer than 67108864 bytes"},
    {read_profile, "not a profile: line 1"},
    {read_config, "line 1: neither a JSON object nor a log"},
    {read_tensors, NULL},
    {read_times, NULL}, /* of a gigabyte: too long for a test */
};
enum { READERS = sizeof readers / sizeof *readers };

static void refuse_all(const char *path, const char *says)
{
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].read(path), CREW_EINPUT);
        assert_says(says);
        assert_says(path);
    }
}

static void folders_and_devices_are_refused(void **state)
{
    (void)state;
    refuse_all("/nonexistent/x", "No such file");
    refuse_all(folder, "");
    assert_true(strstr(err.text, "Is a directory") || strstr(err.text, "not a regular"));
    refuse_all("/dev/zero", "");
    assert_true(strstr(err.text, "a device") || strstr(err.text, "not a regular"));
    refuse_all("/dev/full", "");
}

/* A process that writes into the pipe for as long as it is read. */
static pid_t write_for_ever(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child)
        return child;
    char bytes[4096];
    int fd = open(pipe_path, O_WRONLY);
    memset(bytes, ',', sizeof bytes);
    signal(SIGPIPE, SIG_DFL);
    while (fd >= 0 && write(fd, bytes, sizeof bytes) > 0)
        ;
    _exit(0);
}

static void pipes_without_an_end_are_read_to_a_limit(void **state)
{
    (void)state;
    int how;
    for (size_t i = 0; i < READERS && readers[i].endless; i++) {
        pid_t child = write_for_ever();
        assert_int_equal(readers[i].read(pipe_path), CREW_EFORMAT);
        assert_says(readers[i].endless);
        assert_int_equal(waitpid(child, &how, 0), child);
    }
    assert_int_equal(read_tensors(pipe_path), CREW_EINPUT); /* and not waited for */
    assert_says("not a regular file");
}

/* A file of the kernel's says 4096 bytes and has fewer: as one that is cut while it is read. */
static void a_file_that_ends_early_is_told(void **state)
{
    (void)state;
    static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
    struct stat st;
    if (stat(path, &st) != 0 || st.st_size < 100) {
        printf("skip: no file here that ends before its size: %s\n", path);
        skip();
    }
    assert_int_equal(read_tensors(path), CREW_EINPUT);
    assert_says("cannot be read whole");
    struct crew_source s;
    assert_int_equal(crew_source_open(path, 100000, &s, &err), CREW_OK);
    assert_true(s.size < 100 && s.data[s.size] == '\0');
    crew_source_close(&s);
    /* and the other way round: no bytes by its size, some when it is read */
    assert_int_equal(crew_source_open("/proc/self/status", 100000, &s, &err), CREW_OK);
    assert_true(s.size > 100);
    crew_source_close(&s);
}

static void a_sparse_file_takes_no_memory(void **state)
{
    (void)state;
    put("", 0);
    assert_int_equal(truncate(file, (off_t)1 << 40), 0);
    assert_int_equal(read_source(file), CREW_EFORMAT);
    assert_says("holds more than 100000 bytes");
    assert_int_equal(read_replay(file), CREW_EFORMAT);
    assert_int_equal(read_log(file), CREW_EFORMAT);
    assert_true(read_tensors(file) != CREW_OK);
}

static void a_small_file_that_claims_a_million_workers_takes_no_memory(void **state)
{
    (void)state;
    static const char text[] = "round,worker,task,kept,seconds,work\n1,999999,0,1,1,1\n";
    put(text, sizeof text - 1);
    assert_int_equal(read_replay(file), CREW_EFORMAT);
    assert_says("has workers 0..999999, but no kept task of worker 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_one_by_one),
        cmocka_unit_test(long_lines_come_whole),
        cmocka_unit_test(lines_that_are_too_long_are_refused),
        cmocka_unit_test(a_line_without_end_takes_bounded_memory),
        cmocka_unit_test(json_costs_by_its_punctuation),
        cmocka_unit_test(folders_and_devices_are_refused),
        cmocka_unit_test(pipes_without_an_end_are_read_to_a_limit),
        cmocka_unit_test(a_file_that_ends_early_is_told),
        cmocka_unit_test(a_sparse_file_takes_no_memory),
        cmocka_unit_test(a_small_file_that_claims_a_million_workers_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
