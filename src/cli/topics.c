/* What `crew help` explains beside the commands. */
#include "cli/cli.h"
#include "study/simulate.h"
#include <string.h>

enum { FORM = 30 }; /* column of what a law is */

/* Each law's summary is its form, a colon, and what it is. */
static void print_laws(FILE *to)
{
    const struct crew_entry *law;
    for (size_t i = 0; (law = crew_simulation_law_at(i)); i++) {
        char head[64];
        const char *what = strstr(law->summary, ": ");
        int n = what ? (int)(what - law->summary) : (int)strlen(law->summary);
        snprintf(head, sizeof head, "  %.*s", n, law->summary);
        print_entry(to, head, FORM, what ? what + 2 : "");
    }
}

static void print_speeds(FILE *to)
{
    fputs("speeds: how long a task takes on each simulated worker\n"
          "\n"
          "  GROUP GROUP ...             workers in the order of their groups\n"
          "\n"
          "A GROUP is LAW, one worker, or COUNT*LAW, so many of that law. A LAW is one of\n"
          "\n",
          to);
    print_laws(to);
    fputs("\n"
          "or TIME+LAW, for a constant and what the law adds to it. A replay brings as many\n"
          "workers as were recorded, and has no COUNT and no TIME before it.\n"
          "\n"
          "A TIME is a number and ns, us, ms, s or min; without a unit it is in seconds.\n"
          "\n"
          "Laws may change in time: LAW@FROM..TO,LAW@FROM.. in place of one LAW. FROM and\n"
          "TO are both rounds, which are counted from 1, or both times with a unit. A law\n"
          "holds from FROM on and no longer at TO, where the next one begins; the first one\n"
          "holds from 0, the last one has no TO.\n"
          "\n"
          "examples\n"
          "  1ms                                         one worker, always 1 ms\n"
          "  4*1ms 12*exp(1ms,2ms)                       4 steady workers, 12 noisy ones\n"
          "  8*lognormal(10ms,0.3) 2*30ms+gamma(2,5ms)\n"
          "  2*1ms@0..500,4ms@500..                      slower from round 500 on\n"
          "  1ms@0s..10s,4ms@10s..                       slower after 10 seconds\n"
          "  replay(tasks.csv)                           as crew train --log-tasks saw it\n"
          "\n"
          "crew sim --speeds \"4*1ms 12*exp(1ms,2ms)\" --batch-tasks 32\n"
          "crew train --executor sim --speeds \"4*1ms 12*exp(1ms,2ms)\"\n",
          to);
}

static void print_resume(FILE *to)
{
    fputs("resume: going on after an interruption\n"
          "\n"
          "  crew train ... --checkpoint DIR [--every N[UNIT]] [--keep N] [--resume FROM]\n"
          "\n"
          "DIR is made, and belongs to one run at a time. A file is written into it\n"
          "before training starts, every so often, and at the end: parameters, the\n"
          "optimizer's state, the place in the data, what the policy has learnt, finished\n"
          "epochs, configuration, checksum. It replaces none until it is whole and on\n"
          "disk; the newest N are kept. Each is a model file, for crew eval and crew\n"
          "predict.\n"
          "\n"
          "The same command once more goes on from the newest one. One that is damaged is\n"
          "named, and the one before it used. The weights are those of a run that was\n"
          "never interrupted, bit for bit, unless the policy drops results. Model, data,\n"
          "seed, batch-tasks, task-rows, shards and optimizer must be the same; policy,\n"
          "workers, executor and limits may be others. Limits count from the start of\n"
          "the first part: when nothing is left of them, that is told. Files of --log and\n"
          "--log-tasks are written on, after what is in them of later rounds is cut off;\n"
          "a file of --save that is there already needs --force.\n"
          "\n"
          "--resume none starts afresh, in a folder without checkpoints; --resume FILE or\n"
          "DIR goes on from there, without --checkpoint also without writing any.\n"
          "\n"
          "signals\n"
          "  INT (Ctrl-C), TERM, HUP   end the round in flight, save, exit with 0; also\n"
          "                            while it evaluates; a second one leaves at once,\n"
          "                            with 128 and its number\n"
          "  USR1                      saves a checkpoint, and the model to --save, and\n"
          "                            goes on\n"
          "One that was ignored from the start stays so, as HUP under nohup.\n"
          "\n"
          "what a kill or a power cut can cost\n"
          "  What was trained since the newest file was begun: up to --every, or the time\n"
          "  that writing a file takes if it is more, and this time once more. The round is\n"
          "  finished first; with --every in epochs, the epoch, or the next one if the file\n"
          "  before is not written yet. Training goes on while a file is written; where no\n"
          "  thread can be started for that, rounds wait, and a note says so.\n"
          "\n"
          "A save that fails, as on a full disk, is told; training goes on, and what was\n"
          "saved before is there; the next one is due --every later. Exit code 1 if the\n"
          "last one failed, 3 if there are checkpoints and none is whole, or the newest one\n"
          "cannot be read for want of permission or descriptors: it may be whole.\n",
          to);
}

/* What is quoted stands in messages of the program: tests/cli_help.sh looks. */
static void print_trouble(FILE *to)
{
    fputs(
        "trouble: what to do when a run does not go as it should\n"
        "\n"
        "training is slow\n"
        "  crew cores shows which cores the workers get and why not others, crew bench\n"
        "  what each is worth. Notes before the first round tell of \"workers share\"\n"
        "  cores, of \"another crew runs on\" them, or that \"the BLAS kernel is forced\"\n"
        "  (unset the variable). Much idle time and tasks of some ten microseconds in\n"
        "  the last table: a larger --task-rows.\n"
        "\n"
        "cores differ\n"
        "  The default policy learns by how much. crew bench --save-profile FILE measures\n"
        "  it before, crew train --profile FILE starts from there, and crew compare\n"
        "  --policy all tells which policy is the best one here.\n"
        "\n"
        "a container has half a core\n"
        "  \"the quota of the control group\" decides how many workers there are. Less than\n"
        "  a core is \"throttled\": some tasks take long, and nothing is wrong. More\n"
        "  --workers do not help, a larger quota does.\n"
        "\n"
        "a core is taken away\n"
        "  \"lost their core\": others do the tasks, until it is back. The weights stay\n"
        "  the same.\n"
        "\n"
        "memory is refused (exit code 7)\n"
        "  \"takes about\" so much, and less \"MB are free\" here or in the control group:\n"
        "  fewer --workers or --task-rows, a smaller model, --optimizer sgd.\n"
        "\n"
        "data \"holds more than\" may be read (exit code 3)\n"
        "  More than --max-input-bytes, or half of the memory that is free. Rows of one\n"
        "  uncompressed file, IDX of bytes or NPY of u1 or <f4, need not fit: they stay\n"
        "  there, see --data-map. Nobody may cut it short meanwhile.\n"
        "\n"
        "a loss or gradient \"is not finite\" (exit code 6)\n"
        "  The message has the rows of the data to look at. A smaller --lr, --clip 1;\n"
        "  --on-nan skip leaves such rounds out, rollback returns to the epoch before.\n"
        "\n"
        "a task hangs\n"
        "  --task-timeout SECONDS ends the run with exit code 1 and tells the worker and\n"
        "  the rows. With --checkpoint the last whole round is saved, and the same\n"
        "  command goes on. Without a timeout a run waits.\n"
        "\n"
        "the disk is full\n"
        "  \"training goes on\" without that checkpoint. Make room, and \"checkpoints are\n"
        "  written again\". At the end, \"what is there is older\" and exit code 1: the same\n"
        "  command goes on from it.\n"
        "\n"
        "a checkpoint is damaged\n"
        "  It is named, and the run \"goes on from\" the one before. If none \"is valid\",\n"
        "  exit code 3: --checkpoint with a new folder starts afresh. One that cannot be\n"
        "  opened is not passed over: see to its permission, or to ulimit -n.\n"
        "\n"
        "a run was killed, or the power failed\n"
        "  The same command goes on, if it has --checkpoint: see crew help resume.\n"
        "\n"
        "the machine slept, or the run was stopped and continued\n"
        "  Nothing is to be done. Tasks of minutes without CPU time are no measure of a\n"
        "  core, and --task-timeout begins anew.\n",
        to);
}

static void print_cnn(FILE *to)
{
    fputs("cnn: layers of a network for images\n"
          "\n"
          "  --model cnn:LAYER[,LAYER...]     --model cnn:paper\n"
          "\n"
          "Layers follow each other from the image on. A dense layer with one output for\n"
          "each class comes last by itself. Settings in [] may be left out.\n"
          "\n"
          "  convHxW-N[sS][pP]  convolution with N kernels of H x W pixels, every S pixels\n"
          "                     (1), with P pixels of zeros around the image (0)\n"
          "  poolN[sS]          largest value of N x N pixels, every S pixels (N)\n"
          "  avgpool[N[sS]]     mean of N x N pixels; without N: of the whole image\n"
          "  fcN                dense layer with N outputs\n"
          "  relu               what is below 0 becomes 0\n"
          "  norm[G]            mean 0 and variance 1 in each row and each of G groups of\n"
          "                     channels (1), then a gain and an offset for each channel\n"
          "  dropoutR           while training each value is 0 with probability R, and\n"
          "                     the others are divided by 1 - R\n"
          "\n"
          "paper stands for\n"
          "  conv3x3-16p1,relu,pool2,conv3x3-32p1,relu,pool2,conv3x3-64p1,relu,pool2,\n"
          "  fc128,relu\n"
          "which for 32 x 32 pixels in 3 colours and 100 classes has 168 thousand\n"
          "parameters, as the network of the ATA paper.\n"
          "\n"
          "Rows without a shape are images one pixel high. The weights of a convolution are\n"
          "saved as [H][W][depth][N], those of a dense layer as [inputs][outputs].\n"
          "\n"
          "crew train --data fashion-mnist --task-rows 64 \\\n"
          "    --model cnn:conv3x3-32,relu,conv3x3-64,relu,pool2,dropout0.3,fc128,relu\n",
          to);
}

static void print_shards(FILE *to)
{
    fputs("shards: each NUMA node or worker has a part of the training rows\n"
          "\n"
          "  crew train ... --shards node|worker\n"
          "\n"
          "The rows are cut into parts that follow each other, one a node (or one a\n"
          "worker), as many rows as its share of the workers. Its workers' tasks read\n"
          "no others. With node, the pages of a part are moved to its node; notes say\n"
          "what was read back. On one node nothing changes.\n"
          "\n"
          "The parts may differ as they like, as rows sorted by label do. Each counts by\n"
          "its share of the rows, whatever number of them a round reads, so the gradient\n"
          "is on average that of all rows, and training ends at the same optimum. For\n"
          "that every part has one task in every round at least: --batch-tasks is not\n"
          "less than the number of parts, and a slow node takes part in each round. The\n"
          "split of the other tasks is still the best one. Fewer tasks of a part make the\n"
          "gradient noisier: parts that are alike lose least.\n"
          "\n"
          "The policy must plan: uniform, fixed, ata, ata-empirical or adaptive. Which\n"
          "rows are read depends on who does how many tasks, so the weights are the same\n"
          "in every run only where the split is, as with fixed, uniform or --executor\n"
          "sim. A run goes on from its checkpoints with as many workers on each node as\n"
          "before. An epoch is over when as many rows were read as there are.\n"
          "\n"
          "crew train --data digits --shards worker --executor sim --speeds \"1ms 4ms\"\n",
          to);
}

const struct help_topic help_topics[] = {
    {"cnn", "layers of a network for images", print_cnn},
    {"resume", "going on after an interruption: checkpoints and signals", print_resume},
    {"shards", "each NUMA node or worker has a part of the training rows", print_shards},
    {"speeds", "how long a task takes on each simulated worker", print_speeds},
    {"trouble", "what to do when a run does not go as it should", print_trouble},
    {0},
};

const struct help_topic *find_help_topic(const char *name)
{
    const struct help_topic *t = help_topics;
    while (t->name && strcmp(t->name, name))
        t++;
    return t->name ? t : NULL;
}
