/* Profiles: what is read is written and read again. Before that any JSON: memory is what
 * crew_json_bytes() says at most, on which all limits of JSON rest. */
#include "base/input.h"
#include "fuzz.h"
#include "train/profile.h"
#include <jansson.h>
#include <math.h>

static void check_bytes(const char *text, size_t n)
{
    enum { STREAM = 1024 }; /* of the library, whatever the text */
    json_decref(json_loadb(text, n, 0, NULL));
    if ((double)fuzz_heap() > crew_json_bytes(text, n) + STREAM)
        fuzz_fail("JSON of %zu bytes takes %zu, not at most %.0f", n, fuzz_heap(),
                  crew_json_bytes(text, n));
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool same_number(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b;
}

static bool run(const uint8_t *data, size_t n)
{
    struct crew_profile p, q;
    struct crew_error err = {0};
    const char *path = fuzz_path("again.json");
    check_bytes((const char *)data, n);
    if (!fuzz_accepted(crew_profile_read(fuzz_file(data, n), &p, &err), &err))
        return false;
    FUZZ_CHECK(p.n >= 1 && (!p.model) == (p.rows == 0) && (p.model || !p.features));
    FUZZ_CHECK((p.features > 0) == (p.classes > 0) && (p.features > 0) == (p.parameters > 0));
    for (uint32_t i = 0; i < p.n; i++) {
        const struct crew_profile_slot *s = &p.slot[i];
        FUZZ_CHECK(s->cpu >= -1 && (s->count ? s->mean_s > 0 : isnan(s->mean_s)));
        FUZZ_CHECK(isnan(s->variance_s2) || (s->count > 1 && s->variance_s2 >= 0));
    }
    if (!fuzz_accepted(crew_profile_write(&p, path, true, &err), &err) ||
        !fuzz_accepted(crew_profile_read(path, &q, &err), &err))
        fuzz_fail("%s", err.text);
    FUZZ_CHECK(same_text(p.model, q.model) && p.rows == q.rows && same_text(p.blas, q.blas));
    FUZZ_CHECK(same_text(p.machine, q.machine) && p.n == q.n);
    FUZZ_CHECK(p.features == q.features && p.classes == q.classes &&
               p.parameters == q.parameters);
    for (uint32_t i = 0; i < p.n; i++)
        FUZZ_CHECK(p.slot[i].cpu == q.slot[i].cpu && p.slot[i].count == q.slot[i].count &&
                   same_number(p.slot[i].mean_s, q.slot[i].mean_s) &&
                   same_number(p.slot[i].variance_s2, q.slot[i].variance_s2));
    crew_profile_free(&p);
    crew_profile_free(&q);
    return true;
}

/* JSON takes up to eighty bytes for one; what a file takes for reading. */
const struct fuzz_target fuzz_target = {
    .name = "profile", .run = run, .bytes_each = 100, .bytes_more = 65536};
