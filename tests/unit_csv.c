#include "data_files.h"
#include <math.h>

static const struct crew_read_how mean_how = {.max_bytes = 1 << 20,
                                              .missing = CREW_MISSING_MEAN};

static struct crew_read_how labelled(const char *label)
{
    struct crew_read_how how = plain_how;
    how.label = label;
    return how;
}

/* The name of row i's label. */
static const char *name(const struct crew_table *t, size_t i)
{
    return t->names.name[t->label[i]];
}

/* Two rows (1, 2) and (3, 4) with labels a and b, however they are written. */
static void is_the_small_table(const char *path, const struct crew_read_how *how, const char *a,
                               const char *b)
{
    struct crew_table t = read_good(path, how);
    assert_int_equal(t.rows, 2);
    assert_int_equal(t.features, 2);
    const float want[] = {1, 2, 3, 4};
    assert_memory_equal(t.x, want, sizeof want);
    assert_string_equal(name(&t, 0), a);
    assert_string_equal(name(&t, 1), b);
    crew_table_free(&t);
}

static void every_dialect_gives_the_same_table(void **state)
{
    static const char *const text[] = {
        "1,2,5\n3,4,7\n",
        "1,2,5\n3,4,7",
        "1;2;5\n3;4;7\n",
        "1\t2\t5\r\n3\t4\t7\r\n",
        "\357\273\2771,2,5\r\n\r\n3,4,7\r\n\n", /* a UTF-8 mark first */
        " 1 , 2 , 5 \n+3.0,4e0 ,\t7\n",
        "\"1\",\"2\",\"5\"\n\"3\" , 4,\"7\"\n",
        "a,b,c\n1,2,5\n3,4,7\n",
        "\"a,b\",\"b \"\"x\"\"\",c\n1,2,5\n3,4,7\n",
        "1,2,5.000000000000000000e+00\n3,4,7.0\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        is_the_small_table(put("a.csv", text[i]), NULL, "5", "7");
}

static void label_column_is_found(void **state)
{
    struct crew_read_how by_name = labelled("Kind"), first = labelled("1"),
                         last = labelled("last");
    (void)state;
    is_the_small_table(put("a", "label,p,q\n5,1,2\n7,3,4\n"), NULL, "5", "7");
    is_the_small_table(put("a", "p,Target,q\n1,5,2\n3,7,4\n"), NULL, "5", "7");
    is_the_small_table(put("a", "p,kind,q\n1,5,2\n3,7,4\n"), &by_name, "5", "7");
    is_the_small_table(put("a", "5,1,2\n7,3,4\n"), &first, "5", "7");
    is_the_small_table(put("a", "label,p,q\n1,2,5\n3,4,7\n"), &last, "5", "7");
    by_name.label = "4";
    read_bad(put("a", "1,2,5\n3,4,7\n"), &by_name, "no column 4 (label), must be 1..3");
    by_name.label = "kind";
    read_bad(put("a", "1,2,5\n3,4,7\n"), &by_name,
             "no column \"kind\" (label): it has no header");
    read_bad(put("a", "p,q,r\n3,4,7\n"), &by_name, "no column \"kind\" (label)");
    by_name.label = "1.5";
    read_bad(put("a", "1,2,5\n3,4,7\n"), &by_name, "no column \"1.5\" (label)");
}

static void no_label_column_when_told_so(void **state)
{
    struct crew_read_how none = labelled("none");
    (void)state;
    struct crew_table t = read_good(put("a", "1,2,5\n3,4,7\n"), &none);
    assert_int_equal(t.features, 3);
    assert_null(t.label);
    crew_table_free(&t);
}

static void text_labels_keep_their_text(void **state)
{
    (void)state;
    is_the_small_table(put("a", "1,2,cat\n3,4,dog\n"), NULL, "cat", "dog");
    is_the_small_table(put("a", "1,2,\"cat, black\"\n3,4,dog \n"), NULL, "cat, black", "dog");
    is_the_small_table(put("a", "1,2,-1\n3,4,+1\n"), NULL, "-1", "1");
}

/* Two lines make a header: text above a number, or a column called label. */
static void header_is_told_from_a_row(void **state)
{
    (void)state;
    struct crew_table t = read_good(put("a", "1,2,cat\n"), NULL); /* one row, no header */
    assert_int_equal(t.rows, 1);
    crew_table_free(&t);
    t = read_good(put("a", "0,1,label\n1,2,cat\n"), NULL); /* numbers as names */
    assert_int_equal(t.rows, 1);
    crew_table_free(&t);
    read_bad(put("a", "p,q,label\n"), NULL, "has a header and no rows");
}

static void counts_line_names_the_classes(void **state)
{
    (void)state;
    is_the_small_table(put("a", "2,2,x,zebra,ant\n1,2,1\n3,4,2\n"), NULL, "zebra", "ant");
    struct crew_table t = read_good(put("a", "2,2,zebra,ant\n1,2,1\n3,4,0\n"), NULL);
    assert_true(t.names_in_order);
    assert_string_equal(name(&t, 0), "ant");
    crew_table_free(&t);
    read_bad(put("a", "3,2,zebra,ant\n1,2,1\n3,4,0\n"), NULL,
             "has 2 rows, its first line promises 3");
    read_bad(put("a", "2,2,zebra,ant\n1,2,1\n3,4,2\n"), NULL,
             "line 3, column 3: \"2\" is no class of the first line");
    read_bad(put("a", "2,2,ant,ant\n1,2,1\n3,4,2\n"), NULL, "line 1: a class is named twice");
}

static void missing_values_are_refused_or_marked(void **state)
{
    static const char *const spelling[] = {"", "NA", "n/a", "nan", "NaN", "?", "null", "\"\""};
    (void)state;
    for (size_t i = 0; i < sizeof spelling / sizeof *spelling; i++) {
        char text[64];
        snprintf(text, sizeof text, "p,q,label\n1,2,5\n3,%s,7\n", spelling[i]);
        read_bad(put("a", text), NULL, "line 3, column 2 (q):");
        struct crew_table t = read_good(put("a", text), &mean_how);
        assert_true(isnan(t.x[3]));
        crew_table_free(&t);
    }
    read_bad(put("a", "1,2,5\n3,4,?\n"), &mean_how,
             "line 2, column 3: \"?\" is a missing label");
}

static void bad_files_are_told_with_line_and_column(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"1,2,5\n3,4\n", "line 2: 2 columns, the lines before have 3"},
        {"1,2,5\n3,4,7,8\n", "line 2: 4 columns, the lines before have 3"},
        {"a,b,c\n1,2,5\n\n3,4,7,8\n", "line 4: 4 columns"},
        {"1,2,5\n3,abc,7\n", "line 2, column 2: \"abc\" is not a number"},
        {"a,b,c\n1,2,5\n3,4x,7\n", "line 3, column 2 (b): \"4x\" is not a number"},
        {"1,2,5\n3,inf,7\n", "\"inf\" is not a number"},
        {"1,2,5\n3,1e39,7\n", "line 2, column 2: \"1e39\" is too large"},
        {"1,2,5\n3,4,7.5\n", "line 2, column 3: \"7.5\" is no whole number"},
        {"1,2,5\n3,4,1e17\n", "no whole number"},
        {"1,2,5\n3,\"4,7\n", "line 2: a quote is not closed"},
        {"1,2,5\n3,\"4\"x,7\n", "line 2: text follows a closing quote"},
        {"5\n7\n", "one column only"},
        {"\n\n \n", "has no rows"},
        {"PK\003\004zip", "is a zip archive"},
        {"\xff\xfe"
         "1,2",
         "is UTF-16 text"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        read_bad(put("bad.csv", bad[i].text), NULL, bad[i].says);
    read_bad(put_bytes("bad.csv", "1,2\0,5\n", 7), NULL, "in no format known here");
}

static void number_of_features_is_checked_for_a_model(void **state)
{
    struct crew_read_how how = plain_how;
    (void)state;
    how.features = 2;
    how.labels_optional = true;
    is_the_small_table(put("a", "1,2,5\n3,4,7\n"), &how, "5", "7");
    struct crew_table t = read_good(put("a", "1,2\n3,4\n"), &how);
    assert_null(t.label);
    assert_int_equal(t.features, 2);
    crew_table_free(&t);
    read_bad(put("a", "1,2,3,5\n3,4,5,7\n"), &how, "has 3 feature columns, must be 2");
    how.labels_optional = false;
    read_bad(put("a", "1,2\n3,4\n"), &how, "has 1 feature columns, must be 2");
}

/* Memory follows the bytes of a file, not the product of its lines and its widest line. */
static void blank_lines_cost_nothing(void **state)
{
    (void)state;
    size_t n = 400000;
    char *text = malloc(n + 1);
    assert_non_null(text);
    memset(text, '\n', n);
    text[n] = '\0';
    for (size_t i = 0; i < 2000; i++)
        text[i] = i % 2 ? ',' : '1';
    text[1999] = '\n'; /* 1000 columns, then 398000 blank lines: 1.6 GB if each were a row */
    struct crew_table t = read_good(put("a", text), NULL); /* its limit is 16 MB */
    assert_int_equal(t.rows, 1);
    crew_table_free(&t);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dialect_gives_the_same_table),
        cmocka_unit_test(label_column_is_found),
        cmocka_unit_test(no_label_column_when_told_so),
        cmocka_unit_test(text_labels_keep_their_text),
        cmocka_unit_test(header_is_told_from_a_row),
        cmocka_unit_test(counts_line_names_the_classes),
        cmocka_unit_test(missing_values_are_refused_or_marked),
        cmocka_unit_test(bad_files_are_told_with_line_and_column),
        cmocka_unit_test(number_of_features_is_checked_for_a_model),
        cmocka_unit_test(blank_lines_cost_nothing),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
