#include "data_files.h"

static void sparse_rows_become_dense(void **state)
{
    (void)state;
    struct crew_table t =
        read_good(put("a", "# heart\n+1 1:0.5 3:-2\r\n\n-1 # nothing\n1 2:1e1 # two\n"), NULL);
    const float want[] = {0.5f, 0, -2, 0, 0, 0, 0, 10, 0};
    assert_int_equal(t.rows, 3);
    assert_int_equal(t.features, 3);
    assert_memory_equal(t.x, want, sizeof want);
    assert_string_equal(t.names.name[t.label[0]], "1");
    assert_string_equal(t.names.name[t.label[1]], "-1");
    assert_int_equal(t.label[0], t.label[2]);
    assert_int_equal(t.names.first[t.label[1]], 4); /* line */
    crew_table_free(&t);
}

static void model_says_how_many_features_there_are(void **state)
{
    struct crew_read_how how = plain_how;
    (void)state;
    how.features = 5;
    struct crew_table t = read_good(put("a", "1 1:7\n0 2:8\n"), &how);
    assert_int_equal(t.features, 5);
    assert_true(t.x[0] == 7 && t.x[6] == 8 && t.x[9] == 0);
    crew_table_free(&t);
    read_bad(put("a", "1 1:7\n0 6:8\n"), &how,
             "line 2: \"6:8\" has an index beyond the expected");
}

static void labels_may_be_absent(void **state)
{
    (void)state;
    struct crew_table t = read_good(put("a", "1:7 2:8\n1:3\n"), NULL);
    assert_null(t.label);
    assert_true(t.x[2] == 3);
    crew_table_free(&t);
    read_bad(put("a", "1:7 2:8\n1 1:3\n"), NULL,
             "line 2: \"1\" is a label, the lines before have none");
    read_bad(put("a", "1 1:7 2:8\n1:3\n"), NULL,
             "line 2: \"1:3\" stands where the lines before have");
}

static void bad_files_are_told_with_their_line(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"1 1:2\n0 0:3\n", "line 2: \"0:3\" has an index outside 1.."},
        {"1 1:2\n0 2:3 2:4\n", "line 2: \"2:4\" is not in ascending order"},
        {"1 1:2\n0 2:3 1:4\n", "line 2: \"1:4\" is not in ascending order"},
        {"1 1:2\n0 1:\n", "line 2: \"1:\" has no finite number"},
        {"1 1:2\n0 1:inf\n", "has no finite number"},
        {"1 1:2\n0 1:1e39\n", "has no finite number"},
        {"1 1:2\n0 1 2\n", "line 2: \"1\" is not index:value"},
        {"1 1:2\n0 x:2\n", "line 2: \"x:2\" is not index:value"},
        {"1 1:2\n0 99999999999:2\n", "has an index outside 1..16777216"},
        {"1 1:2\n1,3 1:2\n", "line 2: \"1,3\" is not a number, and labels"},
        {"1 1:2\n0.5 1:2\n", "line 2: the label 0.5 is no whole number"},
        {"1 1:2\n0 qid:3 1:2\n", "line 2: \"qid:3\" is not index:value"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        read_bad(put("bad.libsvm", bad[i].text), NULL, bad[i].says);
    read_refused(put("bad.libsvm", "1 16777216:2\n1 1:2\n"), NULL, CREW_ENOMEM,
                 "has 2 rows of 16777216 features: 134 MB, more than the");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sparse_rows_become_dense),
        cmocka_unit_test(model_says_how_many_features_there_are),
        cmocka_unit_test(labels_may_be_absent),
        cmocka_unit_test(bad_files_are_told_with_their_line),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
