/* All settings of training, once: what the command parses, files store, logs echo and help
 * shows. */
#include <crew/crew.h>
#include <string.h>

#define ROW(NAME, LETTER, TYPE, FIELD, MIN, MAX, VALUE, ARGUMENT, HELP)                        \
    {                                                                                          \
        .name = NAME, .letter = LETTER, .type = CREW_OPTION_##TYPE,                            \
        .offset = offsetof(struct crew_config, FIELD), .min = MIN, .max = MAX, .value = VALUE, \
        .argument = ARGUMENT, .help = HELP                                                     \
    }

static const struct crew_option options[] = {
    ROW("model", 'm', STRING, model, 0, 0, "mlp:64", "NAME[:SETTINGS]", "see crew list models"),
    ROW("policy", 'p', STRING, policy, 0, 0, "adaptive", "NAME[:SETTINGS]",
        "who gets how many tasks; see crew list policies"),
    ROW("workers", 'w', U32, workers, 0, 4096, "0", "N",
        "worker threads, 0: one per chosen core; the executor sim has those of its speeds"),
    ROW("cores", 0, STRING, cores, 0, 0, "auto", "CORES",
        "auto, all (quota ignored), a list as 0,2-5, kind:NAME, numa:N"),
    ROW("smt", 0, FLAG, smt, 0, 0, "no", NULL, "one worker per hardware thread, not per core"),
    ROW("bind", 0, STRING, bind, 0, 0, "prefer", "MODE",
        "prefer: pin workers where possible, strict: or fail, none"),
    ROW("numa", 0, STRING, numa, 0, 0, "auto", "MODE",
        "parameters with several NUMA nodes: replicate on each, interleave, off, auto: by "
        "size; rows are spread over them unless off"),
    ROW("emulate", 0, STRING, emulate, 0, 0, NULL, "\"I:Fx ...\"",
        "slow cores: a task of worker I takes F times its CPU time"),
    ROW("executor", 0, STRING, executor, 0, 0, "threads", "NAME",
        "threads: workers in real time, sim: of the given speeds, in virtual time"),
    ROW("speeds", 0, STRING, speeds, 0, 0, NULL, "\"COUNT*LAW ...\"",
        "task times of the executor sim; see crew help speeds"),
    ROW("replay-wrap", 0, FLAG, replay_wrap, 0, 0, "no", NULL,
        "start a recording in speeds again when it runs out"),
    ROW("profile", 0, STRING, profile, 0, 0, NULL, "FILE",
        "start from the task times of an earlier run or bench, each worth 50 tasks at most"),
    ROW("profile-strict", 0, FLAG, profile_strict, 0, 0, "no", NULL,
        "fail when nothing of the profile fits, as on another machine"),
    ROW("times", 0, STRING, times, 0, 0, NULL, "S,S,...",
        "known mean seconds per task of each worker, or @FILE"),
    ROW("batch-tasks", 'B', U32, batch_tasks, 1, 65536, "16", "TASKS",
        "gradients a round, the paper's B"),
    {.name = "task-rows",
     .letter = 'r',
     .type = CREW_OPTION_U32,
     .offset = offsetof(struct crew_config, task_rows),
     .min = 1,
     .max = 1 << 20,
     .value = "16",
     .argument = "ROWS",
     .help = "rows a task, or auto: so many that handing out costs little",
     .zero = "auto"},
    ROW("epochs", 'e', U64, epochs, 1, 0x1p62, NULL, "N",
        "passes over the data; not given: 30, or no limit beside rounds or time-limit"),
    ROW("rounds", 0, U64, rounds, 0, 0, "0", "N", "rounds, 0: no limit"),
    ROW("time-limit", 0, REAL, time_limit_s, 0, 1e9, "0", "SECONDS",
        "stop after so long, of virtual time with the executor sim; 0: no limit"),
    ROW("optimizer", 'o', STRING, optimizer, 0, 0, "adam", "NAME[:SETTINGS]",
        "see crew list optimizers"),
    ROW("lr", 'l', REAL, lr, 1e-30, 1e6, NULL, "RATE",
        "learning rate; not given: the optimizer's own"),
    ROW("momentum", 0, REAL, momentum, 0, 0.999999, "0.9", "SHARE", "of the optimizer sgd"),
    ROW("clip", 0, REAL, clip, 0, 1e30, "0", "NORM", "longest gradient, 0: unlimited"),
    ROW("schedule", 0, STRING, schedule, 0, 0, "constant", "NAME[:SETTINGS]",
        "learning rate over time: constant, step, cosine"),
    ROW("best", 0, FLAG, best, 0, 0, "no", NULL,
        "end with the weights of the epoch with the best validation accuracy"),
    ROW("patience", 0, U32, patience, 0, 1e9, "0", "EPOCHS",
        "stop after so many without a better validation accuracy, 0: never"),
    ROW("seed", 's', U64, seed, 0, 0, "1", "N", "fixes data order and initial weights"),
    ROW("on-nan", 0, STRING, on_nan, 0, 0, "stop", "WHAT",
        "a loss or gradient that is not finite: stop, skip the round, or rollback to the epoch "
        "before"),
    ROW("task-timeout", 0, REAL, task_timeout_s, 0, 1e9, "0", "SECONDS",
        "give up when a task takes longer; 0: never"),
    ROW("checkpoint", 0, STRING, checkpoint, 0, 0, NULL, "DIR",
        "save there what is needed to go on after an interruption"),
    ROW("every", 0, STRING, every, 0, 0, "60s", "N[UNIT]",
        "how often: N s, m, h, rounds (also without a unit) or epochs"),
    ROW("keep", 0, U32, keep, 1, 1e6, "3", "N", "checkpoints that are kept, the newest ones"),
    ROW("resume", 0, STRING, resume, 0, 0, "auto", "FROM",
        "auto: the newest checkpoint if there is one, none: start afresh, or a FILE or DIR"),
    ROW("augment", 0, STRING, augment, 0, 0, NULL, "WHAT",
        "training images: flip (mirrored, every other one), crop4 (shifted by up to 4 pixels, "
        "0 "
        "comes in), or flip,crop4"),
    ROW("fuse-quota", 0, FLAG, fuse_quota, 0, 0, "no", NULL,
        "a worker computes its tasks of a round as one minibatch: faster for small tasks, but "
        "the weights then depend on who computes what, mostly in their last bits"),
    ROW("shards", 0, STRING, shards, 0, 0, "off", "BY",
        "node, worker: each NUMA node or worker owns a part of the training rows; off: none; "
        "see crew help shards"),
    {.type = CREW_OPTION_END},
};

const struct crew_option *crew_train_options(void)
{
    return options;
}

void crew_config_init_sized(struct crew_config *cfg, size_t struct_size)
{
    struct crew_config all = {.struct_size = struct_size};
    crew_option_defaults(options, &all);
    memset(cfg, 0, struct_size);
    memcpy(cfg, &all, struct_size < sizeof all ? struct_size : sizeof all);
}
