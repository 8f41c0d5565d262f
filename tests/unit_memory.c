/* The memory that a trainer says it will take, before the start, against what it takes: the
 * most that was resident, whatever it keeps for going back, for saving, for the best epoch. */
#include "testing.h"

#include "checkpoint_rig.h"
#include <malloc.h>
#include <sys/stat.h>

/* "VmHWM:  1234 kB" of /proc/self/status, in bytes. */
static double status(const char *key)
{
    char line[256];
    double kib = -1;
    FILE *f = fopen("/proc/self/status", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, key, strlen(key)))
            kib = atof(line + strlen(key));
    fclose(f);
    assert_true(kib >= 0);
    return kib * 1024;
}

static bool forget_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    bool ok = f && fputs("5", f) >= 0;
    return f && fclose(f) == 0 && ok;
}

/* One that keeps something more than another one. */
struct kind {
    const char *optimizer, *on_nan;
    bool saves, best;
    double said, took;
};

static void measure(struct kind *k)
{
    struct crew_config cfg = rig_config();
    cfg.model = "mlp:800,800"; /* 2.6 MB of parameters */
    cfg.workers = 1;
    cfg.optimizer = k->optimizer;
    cfg.on_nan = k->on_nan;
    cfg.best = k->best;
    cfg.batch_tasks = 2;
    cfg.epochs = 1;
    if (k->saves) {
        cfg.checkpoint = ck_dir;
        cfg.every = "5rounds";
    }
    ck_clear(NULL);
    double before = status("VmRSS:");
    crew_trainer *t = rig_trainer(&cfg);
    rig_run(t);
    k->took = status("VmHWM:") - before;
    k->said = t->bytes;
    crew_trainer_destroy(t);
    print_message("%-5s %-8s %s %s: said %.1f MB, took %.1f MB\n", k->optimizer, k->on_nan,
                  k->saves ? "saves" : "-----", k->best ? "best" : "----", k->said / 1e6,
                  k->took / 1e6);
}

static void what_is_kept_is_in_the_estimate(void **state)
{
    (void)state;
    struct kind kinds[] = {
        {"sgd", "stop", false, false, 0, 0},     {"adam", "stop", false, false, 0, 0},
        {"adam", "stop", false, true, 0, 0},     {"adam", "rollback", false, false, 0, 0},
        {"adam", "rollback", false, true, 0, 0}, {"sgd", "stop", true, false, 0, 0},
        {"adam", "stop", true, false, 0, 0},     {"adam", "rollback", true, true, 0, 0}};
    ck_validate(false);
    measure(
        &kinds[7]); /* what BLAS and the C library keep for themselves is theirs from here on */
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!forget_peak()) {
            print_message("skip: the peak of memory cannot be reset here\n");
            break;
        }
        measure(&kinds[i]);
        double said = kinds[i].said - kinds[0].said, took = kinds[i].took - kinds[0].took;
        assert_true(kinds[i].took < kinds[i].said + 2e6);
        assert_true(took < said + 1e6 && took > 0.4 * said - 1e6);
    }
    ck_do_not_validate();
}

/* There in a build with that sanitizer. */
void __asan_init(void) __attribute__((weak));
void __tsan_init(void) __attribute__((weak));

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_kept_is_in_the_estimate)};
    if (__asan_init || __tsan_init) {
        printf("skip: the sanitizer takes memory of its own\n");
        return 77;
    }
    mallopt(M_MMAP_THRESHOLD, 1 << 17); /* what is freed is no longer resident */
    return cmocka_run_group_tests(tests, ck_open, ck_close);
}
