/* A folder of checkpoints: names, order, retention, one run at a time. */
#include "testing.h"

#include "base/mem.h"
#include "checkpoint_rig.h"
#include <sys/wait.h>

static struct crew_error err;

static struct crew_folder take(const char *path)
{
    struct crew_folder f;
    if (crew_folder_open(&f, path, &err) != CREW_OK)
        fail_msg("%s", err.text);
    return f;
}

static void refuses(const char *path, const char *why)
{
    struct crew_folder f;
    assert_int_equal(crew_folder_open(&f, path, &err), CREW_EOUTPUT);
    if (!strstr(err.text, why))
        fail_msg("'%s' does not say '%s'", err.text, why);
    crew_folder_close(&f);
}

static void touch(const char *folder, const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_write(path, "x", 1);
}

/* The rounds as text: "12 7 0". */
static void expect_rounds(const char *folder, const char *want)
{
    uint64_t *round;
    size_t n;
    char got[400] = "";
    assert_int_equal(crew_folder_list(folder, &round, &n, &err), CREW_OK);
    for (size_t i = 0; i < n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%llu", i ? " " : "",
                 (unsigned long long)round[i]);
    crew_free(round);
    assert_string_equal(got, want);
}

static void names_hold_the_round_and_only_they_count(void **state)
{
    (void)state;
    static const char *const others[] = {
        "checkpoint-.safetensors",
        "checkpoint-7.safetensors",
        "checkpoint-00000000007.safetensors",         /* 11 digits */
        "checkpoint-0000000000000000007.safetensors", /* 19 */
        "checkpoint-00000000000x.safetensors",
        "checkpoint-000000000007.safetensors.bak",
        "xcheckpoint-000000000007.safetensors",
        "checkpoint-000000000007.safetensor",
        "model.safetensors",
    };
    struct crew_folder f = take(ck_dir);
    char *file = crew_folder_file(ck_dir, 7);
    assert_string_equal(file, ck_file(ck_dir, 7));
    crew_free(file);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        touch(ck_dir, others[i]);
    expect_rounds(ck_dir, "");
    for (uint64_t r = 1; r < 100000; r = r * 10 + 7)
        ck_write(ck_file(ck_dir, r), "", 0);
    touch(ck_dir, "checkpoint-1000000000000.safetensors"); /* 13 digits are fine */
    expect_rounds(ck_dir, "1000000000000 17777 1777 177 17 1");
    crew_folder_close(&f);
}

static void a_folder_that_is_not_there_is_empty(void **state)
{
    (void)state;
    uint64_t *round;
    size_t n;
    expect_rounds(ck_dir, "");
    assert_false(ck_exists(ck_dir));
    ck_write(ck_dir, "", 0);
    assert_int_equal(crew_folder_list(ck_dir, &round, &n, &err), CREW_EINPUT);
    assert_null(round);
}

/* `keep` of them with the one just written; what is of later rounds is not ours. */
static void pruning_leaves_the_newest_ones(void **state)
{
    (void)state;
    struct crew_folder f = take(ck_dir);
    for (uint64_t r = 10; r <= 90; r += 10)
        ck_write(ck_file(ck_dir, r), "", 0);
    touch(ck_dir, "notes");
    crew_folder_prune(&f, 70, 4);
    expect_rounds(ck_dir, "90 80 70 60 50 40");
    crew_folder_prune(&f, 70, 4);
    expect_rounds(ck_dir, "90 80 70 60 50 40");
    crew_folder_prune(&f, 70, 1);
    expect_rounds(ck_dir, "90 80 70");
    crew_folder_prune(&f, 90, 2);
    expect_rounds(ck_dir, "90 80");
    char path[200];
    snprintf(path, sizeof path, "%s/notes", ck_dir);
    assert_true(ck_exists(path));
    crew_folder_close(&f);
}

/* In this process and from another one; a child that only inherits the folder gives it back
 * when it runs something else. */
static void one_run_at_a_time(void **state)
{
    (void)state;
    struct crew_folder f = take(ck_dir);
    int status;
    refuses(ck_dir, "another run keeps its checkpoints there");
    pid_t child = fork();
    if (child == 0) {
        struct crew_folder mine;
        _exit(crew_folder_open(&mine, ck_dir, NULL) == CREW_EOUTPUT ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(fcntl(f.lock, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    crew_folder_close(&f);
    f = take(ck_dir);
    crew_folder_close(&f);
    crew_folder_close(&f); /* and twice */
}

static void what_a_killed_write_left_is_cleared_away(void **state)
{
    (void)state;
    static const char *const others[] = {
        ".model.safetensors.77.tmp",
        "xcheckpoint-000000000007.safetensors.77.tmp",
        "checkpoint-000000000007.safetensors.77.tmp",
        ".checkpoint-000000000007.safetensors.77.tmp.old",
        ".checkpoint-000000000007.safetensors",
    };
    struct crew_folder f = take(ck_dir);
    char path[200];
    touch(ck_dir, ".checkpoint-000000000007.safetensors.77.tmp");
    touch(ck_dir, ".checkpoint-000000000012.safetensors.1234567.tmp");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        touch(ck_dir, others[i]);
    refuses(ck_dir, "another run"); /* whose write it may be */
    snprintf(path, sizeof path, "%s/.checkpoint-000000000007.safetensors.77.tmp", ck_dir);
    assert_true(ck_exists(path));
    crew_folder_close(&f);
    f = take(ck_dir);
    assert_false(ck_exists(path));
    snprintf(path, sizeof path, "%s/.checkpoint-000000000012.safetensors.1234567.tmp", ck_dir);
    assert_false(ck_exists(path));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(path, sizeof path, "%s/%s", ck_dir, others[i]);
        assert_true(ck_exists(path));
    }
    crew_folder_close(&f);
}

static void a_folder_that_cannot_be_is_refused(void **state)
{
    (void)state;
    char path[200];
    snprintf(path, sizeof path, "%s/no/such", ck_root);
    refuses(path, "the folder cannot be made: No such file");
    ck_write(ck_dir, "", 0);
    refuses(ck_dir, "Not a directory");
    ck_remove(ck_dir);
    assert_int_equal(mkdir(ck_dir, 0), 0);
    bool root = geteuid() == 0; /* who may do everything */
    if (root && seteuid(65534) != 0) {
        print_message("skip: a folder without permission: root, and cannot be somebody else\n");
        return;
    }
    refuses(ck_dir, "Permission denied");
    assert_int_equal(root ? seteuid(0) : 0, 0);
}

int main(void)
{
#define CASE(F) cmocka_unit_test_setup(F, ck_clear)
    const struct CMUnitTest tests[] = {
        CASE(names_hold_the_round_and_only_they_count),
        CASE(a_folder_that_is_not_there_is_empty),
        CASE(pruning_leaves_the_newest_ones),
        CASE(one_run_at_a_time),
        CASE(what_a_killed_write_left_is_cleared_away),
        CASE(a_folder_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, ck_open, ck_close);
}
