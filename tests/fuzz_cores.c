/* Which CPUs a run may use, as it is typed, on a described machine of eight. */
#include "fuzz.h"
#include <crew/machine.h>
#include <stdlib.h>

static bool run(const uint8_t *data, size_t n)
{
    crew_machine *m;
    struct crew_error err = {0};
    char *text = fuzz_text(data, n);
    bool accepted = false;
    setenv("HWLOC_SYNTHETIC", "numa:2 core:2 pu:2", 1);
    for (uint32_t most = 0; most < 4; most += 3) {
        const struct crew_machine_request rq = {
            .cores = text, .smt = most > 0, .at_most = most};
        if (!fuzz_accepted(crew_machine_create(&rq, &m, &err), &err))
            continue;
        const struct crew_machine_info *info = crew_machine_info(m);
        accepted = true;
        FUZZ_CHECK(info->n_slots >= 1 && info->n_slots <= 8);
        FUZZ_CHECK(!most || info->n_slots <= most);
        for (uint32_t i = 0; i < info->n_slots; i++)
            for (uint32_t k = 0; k < i; k++)
                FUZZ_CHECK(info->slots[i].cpu < 8 && info->slots[i].cpu != info->slots[k].cpu);
        crew_machine_destroy(m);
    }
    free(text);
    return accepted;
}

/* The machine's description, whatever is typed. */
const struct fuzz_target fuzz_target = {
    .name = "cores", .run = run, .bytes_each = 4, .bytes_more = 1 << 20, .longest = 256};
