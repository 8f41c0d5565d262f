/* Every call that can fail does, while a run keeps checkpoints, and while one goes on from
 * them. Training goes on without its checkpoints, what was saved stays, and nothing that is not
 * whole is ever taken for saved. */
#include "testing.h"

#include "fault.h"
#include "fault_rig.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROUNDS = 3 }; /* of an epoch */

static struct crew_config chosen;
static uint64_t expected;
static bool only_made; /* the trainer: it does not run */
static struct {
    uint64_t digest;
    bool resumed, failed;  /* failed: the last checkpoint */
    uint64_t from;         /* round */
    unsigned told, unsaid; /* checkpoints that failed; those that did not say why */
} seen;

static void on_checkpoint(void *user, const struct crew_checkpoint_record *r)
{
    (void)user;
    seen.told += r->status != CREW_OK;
    seen.unsaid += r->status != CREW_OK && !r->text[0];
}

static crew_status run(struct crew_error *err)
{
    crew_trainer *t;
    memset(&seen, 0, sizeof seen);
    crew_status status = crew_trainer_create(&chosen, &fault_data, &t, err);
    if (status == CREW_OK && !only_made)
        status = crew_trainer_run(t, err);
    if (status == CREW_OK) {
        struct crew_summary s;
        crew_trainer_summary(t, &s);
        seen.digest = s.weights_digest;
        seen.resumed = s.resumed;
        seen.from = s.resumed_round;
        seen.failed = s.checkpoint_failed;
    }
    crew_trainer_destroy(t);
    return status;
}

static const char *file_of(const char *folder, unsigned round)
{
    char name[80];
    snprintf(name, sizeof name, "%s/checkpoint-%012u.safetensors", folder, round);
    return fault_path(name);
}

static bool loads(const char *path)
{
    crew_network *net;
    crew_status status = crew_network_load(path, &net, NULL);
    crew_network_destroy(net);
    return status == CREW_OK;
}

/* All that is in the folder are checkpoints, and whole. */
static bool all_whole(unsigned last)
{
    size_t whole = 0;
    for (unsigned r = 0; r <= last; r++)
        if (access(file_of("ck", r), F_OK) == 0) {
            if (!loads(file_of("ck", r)))
                return false;
            whole++;
        }
    return whole == fault_files(fault_path("ck"));
}

/* A checkpoint is some hundred values of jansson's: each of them where the first one is made or
 * read, a few in what follows. */
static void try_with_json(const struct fault_scenario *s)
{
    enum { JSON = 1u << FAULT_JSON, ALL = (1u << FAULT_GROUPS) - 1 };
    only_made = false;
    fault_try_some(s, ALL & ~JSON, 1);
    fault_try_some(s, JSON, 53);
    only_made = true;
    chosen.workers = 1;
    fault_try_some(s, JSON, 1);
}

/* ---- A run that keeps checkpoints ---- */

static void no_folder(void)
{
    fault_remove(fault_path("ck"));
}

static bool kept_what_it_could(crew_status status, const char *failed)
{
    (void)failed;
    unsigned last = only_made ? 0 : (unsigned)(chosen.epochs * ROUNDS);
    if (!all_whole(last) || seen.unsaid || (seen.failed && !seen.told))
        return false;
    return status != CREW_OK || ((only_made || seen.digest == expected) &&
                                 (seen.failed || loads(file_of("ck", last))));
}

static void keeping(void **state)
{
    static char folder[256];
    (void)state;
    described_machine();
    snprintf(folder, sizeof folder, "%s", fault_path("ck"));
    chosen = fault_config();
    chosen.epochs = 1;
    expected = fault_result(&chosen);
    chosen.checkpoint = folder;
    chosen.every = "2rounds";
    chosen.keep = 2;
    chosen.on_checkpoint = on_checkpoint;
    const struct fault_scenario s = {
        .name = "checkpoints", .before = no_folder, .run = run, .after = kept_what_it_could};
    try_with_json(&s);
}

/* ---- A run that goes on ---- */

static void copy_folder(void)
{
    size_t bytes;
    fault_remove(fault_path("ck"));
    mkdir(fault_path("ck"), 0777);
    for (unsigned r = 0; r <= 2 * ROUNDS; r++) {
        char *all = fault_read_file(file_of("saved", r), &bytes);
        if (all)
            fault_write_file(file_of("ck", r), all, bytes);
        free(all);
    }
}

/* The newest one is whole: for want of anything, an older one is not gone on from. */
static bool went_on(crew_status status, const char *failed)
{
    (void)failed;
    /* The one it goes on from is written again, to see whether it can. */
    return fault_same_file(file_of("saved", 0), file_of("ck", 0)) && all_whole(3 * ROUNDS) &&
           loads(file_of("ck", ROUNDS)) && loads(file_of("ck", 2 * ROUNDS)) &&
           (status != CREW_OK || ((only_made || seen.digest == expected) && seen.resumed &&
                                  seen.from >= 2 * ROUNDS));
}

static void going_on(void **state)
{
    static char saved[256], folder[256];
    (void)state;
    described_machine();
    snprintf(saved, sizeof saved, "%s", fault_path("saved"));
    snprintf(folder, sizeof folder, "%s", fault_path("ck"));
    chosen = fault_config();
    chosen.epochs = 3;
    expected = fault_result(&chosen);
    chosen.epochs = 2;
    chosen.checkpoint = saved;
    chosen.every = "3rounds";
    chosen.keep = 10;
    (void)fault_result(&chosen);
    chosen.checkpoint = folder;
    chosen.epochs = 3;
    chosen.every = "1h";
    const struct fault_scenario s = {.name = "resume",
                                     .before = copy_folder,
                                     .run = run,
                                     .after = went_on,
                                     .reads_json = true};
    try_with_json(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeping),
        cmocka_unit_test(going_on),
    };
    return cmocka_run_group_tests(tests, fault_open, fault_close);
}
