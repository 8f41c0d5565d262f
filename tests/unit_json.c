/* jansson, where lack of memory must not pass for something else; that it does not is tried by
 * fault_*.c. */
#include "testing.h"

#include "base/json.h"
#include <string.h>

static void assert_dump(json_t *value, const char *text)
{
    char *dump = crew_json_dump(value, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(dump);
    assert_string_equal(dump, text);
    free(dump);
    json_decref(value);
}

static void text_is_text_and_what_is_not_utf_8_is_told(void **state)
{
    (void)state;
    assert_dump(crew_json_text("caf\xc3\xa9", "-"), "\"caf\xc3\xa9\"");
    assert_dump(crew_json_text("", "-"), "\"\"");
    assert_dump(crew_json_text("caf\xe9", "no text"), "\"no text\"");
    assert_dump(crew_json_text("caf\xe9", NULL), "null");
    assert_dump(crew_json_text(NULL, "-"), "null");
}

static void a_dump_is_that_of_jansson(void **state)
{
    json_t *o =
        json_pack("{s:i, s:[f, b, n], s:{s:s}}", "a", 1, "list", 0.5, 1, "o", "key", "x\n");
    (void)state;
    for (size_t flags = 0; flags < 4; flags++) {
        char *ours = crew_json_dump(o, JSON_INDENT(flags)),
             *theirs = json_dumps(o, JSON_INDENT(flags));
        assert_non_null(ours);
        assert_string_equal(ours, theirs);
        free(ours);
        free(theirs);
    }
    json_decref(o);
    assert_null(crew_json_dump(NULL, 0));
}

static void a_list_is_whole_or_none(void **state)
{
    json_t *list = json_pack("[i, i]", 1, 2);
    (void)state;
    assert_ptr_equal(crew_json_whole(list, 2), list);
    assert_null(crew_json_whole(list, 3)); /* freed: the leak sanitizer sees it */
    assert_null(crew_json_whole(NULL, 0));
}

static void malformed_text_is_told_from_lack_of_memory(void **state)
{
    json_t *o;
    json_error_t why;
    (void)state;
    assert_int_equal(crew_json_parse("{\"a\": [1, 2]}", 13, 0, &o, &why), CREW_OK);
    assert_dump(o, "{\"a\":[1,2]}");
    assert_int_equal(crew_json_parse("{\"a\": [1, 2]}", 12, 0, &o, &why), CREW_EFORMAT);
    assert_null(o);
    assert_true(why.text[0]);
    assert_int_equal(crew_json_parse("", 0, 0, &o, &why), CREW_EFORMAT);
    why.text[0] = '\0';
    assert_true(crew_json_starved(&why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_text_and_what_is_not_utf_8_is_told),
        cmocka_unit_test(a_dump_is_that_of_jansson),
        cmocka_unit_test(a_list_is_whole_or_none),
        cmocka_unit_test(malformed_text_is_told_from_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
