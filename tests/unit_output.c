/* Files that appear whole or not at all. */
#include "model_file.h"
#include "testing.h"
#include "train/output.h"
#include <crew/crew.h>
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void holds(const char *want)
{
    size_t n;
    uint8_t *all = get(&n);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(all, want, n);
    free(all);
}

static uint32_t files_in_folder(void)
{
    uint32_t n = 0;
    DIR *d = opendir(folder);
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.' || (e->d_name[1] && e->d_name[1] != '.');
    closedir(d);
    return n;
}

static void an_existing_file_is_kept_unless_told(void **state)
{
    (void)state;
    const struct crew_piece old = {"old", 3}, fresh[] = {{"fr", 2}, {"", 0}, {"esh", 3}};
    unlink(path);
    assert_int_equal(crew_output_check(path, false, &err), CREW_OK);
    assert_int_equal(files_in_folder(), 0); /* the trial is gone */
    assert_int_equal(crew_output_write(path, false, &old, 1, &err), CREW_OK);
    assert_int_equal(crew_output_check(path, false, &err), CREW_EOUTPUT);
    assert_non_null(strstr(err.text, "exists already"));
    assert_int_equal(crew_output_write(path, false, fresh, 3, &err), CREW_EOUTPUT);
    holds("old");
    assert_int_equal(crew_output_check(path, true, &err), CREW_OK);
    assert_int_equal(crew_output_write(path, true, fresh, 3, &err), CREW_OK);
    holds("fresh");
    assert_int_equal(files_in_folder(), 1);
}

static void what_cannot_be_written_is_told_before(void **state)
{
    (void)state;
    char inside[96], missing[96], slash[96];
    const struct crew_piece piece = {"x", 1};
    snprintf(inside, sizeof inside, "%s/model.safetensors/x", folder); /* a file is no folder */
    snprintf(missing, sizeof missing, "%s/no/such/folder/x", folder);
    snprintf(slash, sizeof slash, "%s/x/", folder);
    put("old", 3);
    const char *const bad[] = {
        "", "/", folder, slash, inside, missing, "/proc/crew-test", "/dev/null"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct crew_error e = {.status = CREW_OK};
        if (crew_output_check(bad[i], true, &e) != CREW_EOUTPUT ||
            crew_output_write(bad[i], true, &piece, 1, &e) != CREW_EOUTPUT ||
            e.status != CREW_EOUTPUT)
            fail_msg("'%s' is not refused", bad[i]);
    }
    struct stat st;
    assert_true(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    assert_int_equal(files_in_folder(), 1);
}

/* A file size limit of 1000 bytes plays the full disk. */
static void a_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    static const char much[5000];
    const struct crew_piece piece[] = {{"begin", 5}, {much, sizeof much}};
    struct rlimit before, small;
    put("old", 3);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){1000, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    crew_status status = crew_output_write(path, true, piece, 2, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, CREW_EOUTPUT);
    assert_non_null(strstr(err.text, "File too large"));
    holds("old");
    assert_int_equal(files_in_folder(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_existing_file_is_kept_unless_told),
        cmocka_unit_test(what_cannot_be_written_is_told_before),
        cmocka_unit_test(a_failed_write_leaves_the_old_file),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
