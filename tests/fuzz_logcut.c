/* Logs that a resumed run writes on: what is kept is whole lines, all of them when it is cut
 * once more, and no fewer for a later round. */
#include "fuzz.h"
#include "study/logcut.h"
#include <crew/crew.h>

static const char HEADER[] = "round,worker,seconds";

static bool cut(const uint8_t *data, size_t n, bool tasks, uint64_t round,
                struct crew_log_cut *out)
{
    static struct crew_config train;
    static struct crew_data_config rows;
    struct crew_error err = {0};
    const struct crew_settings set[] = {{crew_train_options(), &train},
                                        {crew_data_options(), &rows}};
    const char *path = fuzz_file(data, n);
    crew_config_init(&train);
    crew_data_config_init(&rows);
    crew_status status = tasks ? crew_log_cut_tasks(path, HEADER, round, out, &err)
                               : crew_log_cut_rounds(path, set, 2, round, out, &err);
    return fuzz_accepted(status, &err) && out->ours;
}

static bool check(const uint8_t *data, size_t n, bool tasks)
{
    static const uint64_t rounds[] = {0, 2, 1000, UINT64_MAX};
    struct crew_log_cut out, again;
    uint64_t before = 0;
    bool ours = false;
    for (size_t i = 0; i < 4; i++) {
        if (!cut(data, n, tasks, rounds[i], &out))
            continue;
        ours = true;
        FUZZ_CHECK(out.bytes >= before && out.bytes <= n);
        FUZZ_CHECK(!out.bytes || data[out.bytes - 1] == '\n');
        FUZZ_CHECK(cut(data, (size_t)out.bytes, tasks, rounds[i], &again));
        FUZZ_CHECK(again.bytes == out.bytes);
        before = out.bytes;
    }
    return ours;
}

static bool run(const uint8_t *data, size_t n)
{
    bool ours = check(data, n, false);
    return check(data, n, true) || ours;
}

/* JSON takes up to eighty bytes for one; what a file takes for reading, the settings. */
const struct fuzz_target fuzz_target = {
    .name = "logcut", .run = run, .bytes_each = 100, .bytes_more = 98304};
