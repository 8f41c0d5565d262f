/* Folders that cannot be read to their end: in whatever order a file system has the names, what
 * was seen before the failure must not pass for all there is. readdir() is this program's own.
 */
#include "data_files.h"
#include "machine/energy.h"
#include <errno.h>

/* The names in the order to come; then the end, or a failure. */
static const char *const *listed;
static bool fails;

CREW_API struct dirent *readdir(DIR *dir)
{
    static struct dirent entry;
    (void)dir;
    if (!*listed) {
        if (fails)
            errno = EIO;
        return NULL;
    }
    snprintf(entry.d_name, sizeof entry.d_name, "%s", *listed++);
    return &entry;
}

static const char *const orders[][4] = {
    {"data_batch_1.bin", "data_batch_2.bin", "test_batch.bin", NULL},
    {"data_batch_1.bin", "test_batch.bin", NULL},
    {"test_batch.bin", "data_batch_2.bin", "data_batch_1.bin", NULL},
    {"data_batch_1.bin", NULL},
    {NULL},
};

static void a_part_of_a_set_does_not_pass_for_it(void **state)
{
    (void)state;
    struct crew_data_config cfg;
    struct crew_error err = {0};
    struct crew_data data;
    static uint8_t record[16][3073]; /* a label and a picture each */
    for (int i = 0; i < 16; i++)
        record[i][0] = (uint8_t)(i % 2);
    for (int i = 0; i < 3; i++)
        (void)put_bytes(orders[0][i], record, sizeof record);
    crew_data_config_init(&cfg);
    cfg.data = files_dir;
    for (size_t k = 0; k < sizeof orders / sizeof *orders; k++) {
        listed = orders[k];
        fails = true;
        refuse_data(&cfg, CREW_EINPUT, "cannot read");
        listed = orders[k];
        fails = false; /* the same names are a set, but for the last list, which is none */
        crew_status status = crew_data_open(&cfg, &data, &err);
        if ((status == CREW_OK) != (k < 4))
            fail_msg("list %zu: %s", k, err.text);
        if (status == CREW_OK)
            crew_data_close(&data);
    }
    for (int i = 0; i < 3; i++) /* as the folder's own list would */
        unlink(put_bytes(orders[0][i], record, 0));
}

static void a_part_of_the_counters_is_no_sum(void **state)
{
    static const char *const zones[] = {"intel-rapl:0", NULL};
    struct crew_error err = {0};
    crew_energy *e;
    (void)state;
    listed = zones + 1;
    fails = true;
    assert_int_equal(crew_energy_open(files_dir, &e, &err), CREW_EINPUT);
    assert_non_null(strstr(err.text, strerror(EIO)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_part_of_a_set_does_not_pass_for_it, files_begin,
                                        files_end),
        cmocka_unit_test_setup_teardown(a_part_of_the_counters_is_no_sum, files_begin,
                                        files_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
