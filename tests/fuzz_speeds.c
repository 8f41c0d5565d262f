/* The grammar of task times: what is accepted draws times in range, and twice the text is twice
 * the workers. */
#include "exec/speed.h"
#include "fuzz.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void check_worker(crew_speeds *s, uint32_t i)
{
    static const double at_s[] = {0, 1.5, 1e9};
    static const uint64_t round[] = {1, 7, UINT32_MAX};
    for (size_t k = 0; k < 3; k++) {
        struct crew_draw draw = {7, round[k], (uint32_t)k, at_s[k], k == 1 ? 0.25 : 1};
        uint32_t flags, again;
        double mean = crew_speeds_mean(s, i, round[k], at_s[k]),
               x = crew_speeds_draw(s, i, &draw, &flags);
        FUZZ_CHECK(mean >= 1e-12 && mean <= 1e12);
        FUZZ_CHECK(x >= 0.25e-12 && x <= 1e15);
        FUZZ_CHECK(crew_speeds_draw(s, i, &draw, &again) == x && again == flags);
    }
}

static void check_twice(const char *text, const crew_speeds *s)
{
    crew_speeds *twice;
    struct crew_error err = {0};
    uint32_t n = crew_speeds_n(s);
    char *copy = malloc(2 * strlen(text) + 2);
    FUZZ_CHECK(copy);
    sprintf(copy, "%s\n%s", text, text);
    if (fuzz_accepted_lines(crew_speeds_parse(copy, true, &twice, &err), &err, 2)) {
        FUZZ_CHECK(crew_speeds_n(twice) == 2 * n &&
                   crew_speeds_vary(twice) == crew_speeds_vary(s));
        for (uint32_t i = 0; i < n; i += n / 16 + 1)
            for (uint64_t round = 1; round < 100; round *= 3)
                FUZZ_CHECK(crew_speeds_mean(s, i, round, 0) ==
                               crew_speeds_mean(twice, i, round, 0) &&
                           crew_speeds_mean(s, i, round, 0) ==
                               crew_speeds_mean(twice, n + i, round, 0));
    } else {
        FUZZ_CHECK(n > UINT32_MAX / 2);
    }
    crew_speeds_destroy(twice);
    free(copy);
}

static bool run(const uint8_t *data, size_t n)
{
    crew_speeds *s;
    struct crew_error err = {0};
    char *text = fuzz_text(data, n);
    bool ok =
        !strstr(text, "replay("); /* of any file of this machine: fuzz_replay reads them */
    if (ok && (ok = fuzz_accepted_lines(crew_speeds_parse(text, false, &s, &err), &err, 2))) {
        uint32_t workers = crew_speeds_n(s);
        FUZZ_CHECK(workers >= 1);
        for (uint32_t i = 0, k = 0; k < 16 && i < workers; k++, i += workers / 16 + 1)
            check_worker(s, i);
        check_worker(s, workers - 1);
        check_twice(text, s);
        crew_speeds_destroy(s);
    }
    free(text);
    return ok;
}

/* Laws, ends and groups, three bytes of text for 72 in memory at least, which grow by doubling,
 * and three times at once; an index of a million entries at most, of two objects. */
const struct fuzz_target fuzz_target = {.name = "speeds",
                                        .run = run,
                                        .bytes_each = 400,
                                        .bytes_more = (9 << 20) + 65536,
                                        .longest = 4096};
