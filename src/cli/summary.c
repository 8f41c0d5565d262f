#include "cli/summary.h"
#include "cli/json.h"
#include <math.h>

/* Seconds of any size, virtual ones, in %g; a dash where nothing is known. */
static void print_number(FILE *to, const char *format, int width, double v)
{
    char text[32] = "-";
    if (isfinite(v))
        snprintf(text, sizeof text, format, v);
    fprintf(to, " %*s", width, text);
}

static const char *kind_name(const struct crew_machine_info *m, int32_t kind)
{
    return kind < 0 ? "-" : m->kinds[kind].name;
}

/* Of many virtual workers those that did something, and no more than fit on some screens. */
static void print_virtual_workers(FILE *to, const struct crew_summary *s, uint64_t all)
{
    enum { MOST = 64 };
    uint32_t shown = 0, more = 0, none = 0;
    fprintf(to, "\nworker      tasks   share      busy s     mean ms       sd ms\n");
    for (uint32_t i = 0; i < s->n; i++) {
        const struct crew_worker_summary *w = &s->worker[i];
        bool worked = w->tasks || w->dropped;
        none += !worked;
        more += worked && shown == MOST;
        if (!worked || shown == MOST)
            continue;
        shown++;
        fprintf(to, "%6u %10llu %6.1f%%", i, (unsigned long long)w->tasks,
                all ? 100.0 * (double)w->tasks / (double)all : 0.0);
        print_number(to, "%.5g", 11, w->busy_s);
        print_number(to, "%.5g", 11, 1e3 * w->mean_s);
        print_number(to, "%.5g", 11, 1e3 * w->sd_s);
        fputc('\n', to);
    }
    if (more)
        fprintf(to, "... %u more worker%s had tasks\n", more, more == 1 ? "" : "s");
    if (none)
        fprintf(to, "... %u worker%s had no task\n", none, none == 1 ? "" : "s");
}

static void print_workers(FILE *to, const crew_trainer *t, const struct crew_summary *s)
{
    const struct crew_machine_info *m = crew_machine_info(crew_trainer_machine(t));
    uint64_t all = 0;
    for (uint32_t i = 0; i < s->n; i++)
        all += s->worker[i].tasks;
    if (s->virtual_time) {
        print_virtual_workers(to, s, all);
        return;
    }
    fprintf(to, "\nworker   cpu  core  kind               tasks   share    busy s   mean ms    "
                " sd ms\n");
    for (uint32_t i = 0; i < s->n; i++) {
        const struct crew_worker_summary *w = &s->worker[i];
        fprintf(to, "%6u %5u%c %4u  %-13.13s %10llu %6.1f%% %9.3f", i, w->cpu,
                w->bound ? ' ' : '*', m->slots[w->slot].core, kind_name(m, w->kind),
                (unsigned long long)w->tasks,
                all ? 100.0 * (double)w->tasks / (double)all : 0.0, w->busy_s);
        print_number(to, "%.4f", 9, 1e3 * w->mean_s);
        print_number(to, "%.4f", 9, 1e3 * w->sd_s);
        fputc('\n', to);
    }
    for (uint32_t i = 0; i < s->n; i++)
        if (!s->worker[i].bound) {
            fprintf(to, "* not bound\n");
            break;
        }
}

static void print_length(FILE *to, const struct crew_summary *s)
{
    double speed = s->train_s > 0 ? (double)s->rows / s->train_s : 0.0;
    fprintf(to, "%llu round%s, %llu epoch%s in ", (unsigned long long)s->rounds,
            s->rounds == 1 ? "" : "s", (unsigned long long)s->epochs,
            s->epochs == 1 ? "" : "s");
    if (s->virtual_time)
        fprintf(to,
                speed < 100
                    ? "%.6g s of virtual time (%.2f s real, %.3g rows per virtual second)"
                    : "%.6g s of virtual time (%.2f s real, %.0f rows per virtual second)",
                s->wall_s, s->real_s, speed);
    else
        fprintf(to, "%.2f s (%.0f rows/s)", s->wall_s, speed);
    fprintf(to, "%s\n",
            s->stopped           ? ", stopped on request"
            : s->timed_out       ? ", time limit reached"
            : s->out_of_patience ? ", out of patience"
                                 : "");
}

void print_summary(FILE *to, const crew_trainer *t, const struct crew_summary *s,
                   const struct crew_evaluation *test)
{
    print_length(to, s);
    if (s->resumed)
        fprintf(to, "gone on from    round %llu%s\n", (unsigned long long)s->resumed_round,
                s->rounds > s->resumed_round || s->stopped ? ""
                                                           : ": NO ROUND WAS LEFT TO TRAIN");
    if (s->skipped)
        fprintf(to, "no step in      %llu of them: not finite\n",
                (unsigned long long)s->skipped);
    if (isfinite(s->train_loss))
        fprintf(to, "train loss      %.4f (mean of the last epoch)\n", s->train_loss);
    if (s->best_epoch)
        fprintf(to, "best validation %.4f (epoch %llu)\n", s->best_accuracy,
                (unsigned long long)s->best_epoch);
    if (test->rows)
        fprintf(to, "test accuracy   %.4f (%llu of %llu rows, loss %.4f)\n", test->accuracy,
                (unsigned long long)test->correct, (unsigned long long)test->rows, test->loss);
    fprintf(to, "weights digest  %016llx\n", (unsigned long long)s->weights_digest);
    print_workers(to, t, s);
    fprintf(to,
            s->virtual_time
                ? "\nvirtual time %.6g s, workers %.6g s, idle %.6g s, wasted %.6g s\n"
                : "\nwall %.2f s, workers %.2f s, idle %.2f s, wasted %.2f s\n",
            s->wall_s, s->worker_s, s->idle_s, s->wasted_s);
}

static json_t *whole_or_null(bool known, uint32_t v)
{
    return known ? json_integer((json_int_t)v) : json_null();
}

static json_t *workers_as_json(const crew_trainer *t, const struct crew_summary *s)
{
    const struct crew_machine_info *m = crew_machine_info(crew_trainer_machine(t));
    json_t *list = json_array();
    for (uint32_t i = 0; i < s->n; i++) {
        const struct crew_worker_summary *w = &s->worker[i];
        bool real = !s->virtual_time; /* a virtual worker is nowhere */
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o, s:s?, s:b, s:I, s:I, s:f, s:o, s:o}", "slot",
                            whole_or_null(real, w->slot), "cpu", whole_or_null(real, w->cpu),
                            "core", whole_or_null(real, m->slots[w->slot].core), "kind",
                            w->kind < 0 ? NULL : m->kinds[w->kind].name, "bound", (int)w->bound,
                            "tasks", (json_int_t)w->tasks, "dropped", (json_int_t)w->dropped,
                            "busy_s", w->busy_s, "mean_ms", real_or_null(1e3 * w->mean_s),
                            "sd_ms", real_or_null(1e3 * w->sd_s)));
    }
    return list;
}

void print_summary_json(FILE *to, const crew_trainer *t, const struct crew_summary *s,
                        const struct crew_evaluation *test, const char *policy)
{
    char digest[20];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)s->weights_digest);
    uint64_t workspaces, bytes = crew_trainer_bytes(t, &workspaces);
    json_t *notes = json_array();
    for (size_t i = 0; crew_trainer_note(t, i); i++)
        json_array_append_new(notes, text_or_null(crew_trainer_note(t, i)));
    json_t *o = json_pack(
        "{s:s, s:s, s:i, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:o, s:s, s:b, "
        "s:b, s:b, s:I, s:b, s:I, s:I, s:b, s:I, s:I, s:I, s:o, s:o}",
        "policy", policy, "executor", s->virtual_time ? "sim" : "threads", "workers", (int)s->n,
        "rounds", (json_int_t)s->rounds, "epochs", (json_int_t)s->epochs, "samples_per_s",
        s->train_s > 0 ? (double)s->rows / s->train_s : 0.0, "wall_s", s->wall_s, "real_s",
        s->real_s, "train_s", s->train_s, "worker_s", s->worker_s, "idle_s", s->idle_s,
        "wasted_s", s->wasted_s, "train_loss", real_or_null(s->train_loss), "best_val_accuracy",
        real_or_null(s->best_accuracy), "test_accuracy",
        test->rows ? real_or_null(test->accuracy) : json_null(), "weights_digest", digest,
        "stopped", (int)s->stopped, "timed_out", (int)s->timed_out, "out_of_patience",
        (int)s->out_of_patience, "skipped_rounds", (json_int_t)s->skipped, "resumed",
        (int)s->resumed, "resumed_round", (json_int_t)s->resumed_round, "checkpoints",
        (json_int_t)s->checkpoints, "checkpoint_failed", (int)s->checkpoint_failed,
        "parameters", (json_int_t)s->n_params, "memory_bytes", (json_int_t)bytes,
        "workspace_bytes", (json_int_t)workspaces, "per_worker", workers_as_json(t, s), "notes",
        notes);
    json_dumpf(o, to, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    fputc('\n', to);
    json_decref(o);
}
