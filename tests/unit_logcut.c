/* Where the logs of a run that goes on are cut. */
#include "testing.h"

#include "study/logcut.h"
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/crew-test-XXXXXX";
static struct crew_error err;

static int enter(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int leave(void **state)
{
    (void)state;
    return unlink(path);
}

static void put(const char *text, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* A configuration of two settings that a log is known by, and one more. */
struct config {
    const char *model;
    uint64_t seed;
    uint32_t workers;
};

static const struct crew_option table[] = {
    {.name = "model", .type = CREW_OPTION_STRING, .offset = offsetof(struct config, model)},
    {.name = "seed", .type = CREW_OPTION_U64, .offset = offsetof(struct config, seed)},
    {.name = "workers", .type = CREW_OPTION_U32, .offset = offsetof(struct config, workers)},
    {.type = CREW_OPTION_END}};

#define START                                                                                 \
    "{\"event\":\"start\",\"config\":{\"model\":\"mlp:9\",\"seed\":\"7\",\"workers\":\"2\"}}" \
    "\n"
#define ROUND(R) "{\"event\":\"round\",\"round\":" #R ",\"loss\":0.5}\n"
#define EVAL(R) "{\"event\":\"eval\",\"epoch\":1,\"round\":" #R "}\n"
#define SAVED(R) "{\"event\":\"checkpoint\",\"round\":" #R ",\"path\":\"x\"}\n"
#define RESUME(R) "{\"event\":\"resume\",\"round\":" #R "}\n"
#define END "{\"event\":\"end\",\"rounds\":9}\n"

static void rounds(const char *text, size_t n, uint64_t round, bool ours, const char *kept)
{
    struct config c = {"mlp:9", 7, 5}; /* on other workers */
    const struct crew_settings set[] = {{table, &c}};
    struct crew_log_cut cut;
    put(text, n);
    assert_int_equal(crew_log_cut_rounds(path, set, 1, round, &cut, &err), CREW_OK);
    if (cut.ours != ours || (ours && cut.bytes != strlen(kept)) ||
        (ours && memcmp(text, kept, strlen(kept)) != 0))
        fail_msg("%d, %llu bytes are kept of:\n%s", cut.ours, (unsigned long long)cut.bytes,
                 text);
}

#define KEPT(TEXT, R, WANT) rounds(TEXT, strlen(TEXT), R, true, WANT)
#define FOREIGN(TEXT) rounds(TEXT, strlen(TEXT), 3, false, "")

static void rounds_after_the_checkpoint_go(void **state)
{
    (void)state;
    static const char all[] =
        START ROUND(1) ROUND(2) EVAL(2) ROUND(3) ROUND(4) SAVED(3) ROUND(5) END;
    KEPT(all, 0, START);
    KEPT(all, 1, START ROUND(1));
    KEPT(all, 2, START ROUND(1) ROUND(2) EVAL(2));
    KEPT(all, 3, START ROUND(1) ROUND(2) EVAL(2) ROUND(3));
    KEPT(all, 4, START ROUND(1) ROUND(2) EVAL(2) ROUND(3) ROUND(4) SAVED(3));
    KEPT(all, 5, START ROUND(1) ROUND(2) EVAL(2) ROUND(3) ROUND(4) SAVED(3) ROUND(5));
    KEPT(all, 900, START ROUND(1) ROUND(2) EVAL(2) ROUND(3) ROUND(4) SAVED(3) ROUND(5));
    KEPT(START RESUME(0) ROUND(1) RESUME(1) ROUND(2), 1, START RESUME(0) ROUND(1) RESUME(1));
    KEPT(START RESUME(0) ROUND(1) RESUME(1) ROUND(2), 0, START RESUME(0));
    KEPT(START ROUND(18446744073709551615), 3, START);
}

static void what_comes_after_a_half_line_goes(void **state)
{
    (void)state;
    static const char all[] = START ROUND(1) ROUND(2);
    for (size_t n = sizeof START - 1; n < sizeof all - 1; n++)
        rounds(all, n, 9, true, n < sizeof START ROUND(1) - 1 ? START : START ROUND(1));
    for (size_t n = 0; n < sizeof START - 1; n++) /* not even its beginning */
        rounds(all, n, 9, true, "");
    KEPT(START ROUND(1) "{\"event\":\"round\",\"round\":2,\"lo\n" ROUND(3), 9, START ROUND(1));
    KEPT(START ROUND(1) "\n" ROUND(2), 9, START ROUND(1));
    KEPT(START ROUND(1) "[1]\n" ROUND(2), 9, START ROUND(1));
    KEPT(START ROUND(1) "{\"round\":2}\n" ROUND(2), 9, START ROUND(1));
    rounds(START "\0\0\0\n", sizeof START + 3, 9, true, START);
    KEPT(START "{\"event\":\"of a later version\"}\n" ROUND(1), 9,
         START "{\"event\":\"of a later version\"}\n" ROUND(1));
}

static void another_runs_log_is_left_alone(void **state)
{
    (void)state;
    FOREIGN("x");
    FOREIGN("\n");
    FOREIGN("{\"event\":\"rou");
    FOREIGN("round,worker\n");
    FOREIGN(ROUND(1));
    FOREIGN(END);
    FOREIGN("{\"event\":\"start\"}\n" ROUND(1));
    FOREIGN("{\"event\":\"start\",\"config\":{\"model\":\"mlp:8\",\"seed\":\"7\"}}\n");
    FOREIGN("{\"event\":\"start\",\"config\":{\"model\":\"mlp:9\",\"seed\":\"8\"}}\n");
    FOREIGN("{\"event\":\"start\",\"config\":{\"model\":\"mlp:9\"}}\n");
    FOREIGN(START ROUND(1) START ROUND(1)); /* two runs in one file */
    KEPT("{\"event\":\"start\",\"config\":{\"model\":\"mlp:9\",\"seed\":\"7\"}}\n", 1,
         "{\"event\":\"start\",\"config\":{\"model\":\"mlp:9\",\"seed\":\"7\"}}\n");
}

#undef FOREIGN
#undef KEPT
#define HEADER "round,worker,seconds"

static void tasks(const char *text, size_t n, uint64_t round, bool ours, size_t kept)
{
    struct crew_log_cut cut;
    put(text, n);
    assert_int_equal(crew_log_cut_tasks(path, HEADER, round, &cut, &err), CREW_OK);
    if (cut.ours != ours || (ours && cut.bytes != kept))
        fail_msg("%d, %llu bytes are kept of:\n%s", cut.ours, (unsigned long long)cut.bytes,
                 text);
}

static void tasks_after_the_checkpoint_go(void **state)
{
    (void)state;
    static const char all[] = HEADER "\n1,0,0.5\n1,1,0.5\n2,0,0.25\n3,0,0.5\n";
    static const size_t head = sizeof HEADER; /* with its line's end */
    static const size_t upto[] = {head, head + 16, head + 25, head + 33};
    for (uint64_t r = 0; r < 6; r++)
        tasks(all, sizeof all - 1, r, true, upto[r < 3 ? r : 3]);
    for (size_t n = 0; n < sizeof all - 1; n++) {
        size_t kept = 0; /* whole lines */
        for (size_t i = 0; i < n; i++)
            kept = all[i] == '\n' ? i + 1 : kept;
        tasks(all, n, 9, true, kept);
    }
    tasks(HEADER "\n1,0,1\nx,0,1\n1,0,1\n", head + 18, 9, true, head + 6);
    tasks(HEADER "\n1,0,1\n\n1,0,1\n", head + 13, 9, true, head + 6);
    tasks(HEADER "\n-1,0,1\n", head + 7, 9, true, head);
    tasks(HEADER ",more\n1,0,1\n", head + 11, 9, false, 0);
    tasks("round,worker\n1,0\n", 17, 9, false, 0);
    tasks("another file", 12, 9, false, 0);
    tasks(HEADER "\0\0\n", head + 2, 9, false, 0);
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    struct crew_log_cut cut;
    assert_int_equal(crew_log_cut_tasks("/tmp/no-such-log", HEADER, 1, &cut, &err),
                     CREW_EINPUT);
    assert_false(cut.ours);
    assert_int_equal(crew_log_cut_tasks("/tmp", HEADER, 1, &cut, &err), CREW_EINPUT);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(rounds_after_the_checkpoint_go),
        cmocka_unit_test(what_comes_after_a_half_line_goes),
        cmocka_unit_test(another_runs_log_is_left_alone),
        cmocka_unit_test(tasks_after_the_checkpoint_go),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told),
    };
    return cmocka_run_group_tests(cases, enter, leave);
}
