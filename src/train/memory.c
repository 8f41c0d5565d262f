/* What a trainer will take, before any of it is taken. */
#include "base/blas.h"
#include "base/error.h"
#include "exec/sim.h"
#include "exec/threads.h"
#include "machine/limits.h"
#include "train/checkpoint.h"

/* Address space of a thread that calls OpenBLAS, though little of it is touched: its stack, the
 * buffer that OpenBLAS 0.3.21 maps for it, and for ever asks for again when it is refused, and
 * the heap that glibc reserves for a thread before; of which it maps twice as much and gives
 * half back. */
static const double STACK_BYTES = 1 << 20, BUFFER_BYTES = 134221824, HEAP_BYTES = 64 << 20;

/* What is kept of each worker, task and row, beside gradients and data. */
static double book_bytes(const crew_trainer *t, uint32_t tasks)
{
    double worker = sizeof *t->tally + sizeof *t->worker + sizeof *t->record_done +
                    sizeof *t->record_busy + 400; /* the policy, the plan */
    double task = sizeof *t->task_work + sizeof *t->kept;
    return t->n * worker + tasks * task + crew_threads_bytes(t->threads, tasks) +
           (t->virtual_time ? crew_sim_bytes(t->n, tasks) : 0) + crew_rows_bytes(t) +
           (double)CREW_HISTORY * sizeof *t->history;
}

/* While it is measured on the validation rows. */
static double evaluation_bytes(const crew_trainer *t)
{
    struct crew_dataset_info v;
    if (!t->validation)
        return 0;
    crew_dataset_info(t->validation, &v);
    return t->threads * (double)crew_network_block_bytes(t->net) +
           (double)v.rows / CREW_EVAL_ROWS * sizeof(struct crew_evaluation);
}

static double all_bytes(const crew_trainer *t)
{
    double params = (double)t->net->n_params * sizeof(float),
           state = params + (double)crew_optimizer_bytes(t->cfg.optimizer, t->net->n_params);
    uint32_t tasks = t->cfg.batch_tasks + t->spare;
    return state + (t->cfg.best ? params : 0) + (t->on_nan == CREW_NAN_ROLLBACK ? state : 0) +
           t->threads * (double)crew_desk_bytes(t) + book_bytes(t, tasks) +
           (double)crew_reduce_bytes(t->net->n_params, tasks, crew_trainer_holes(t),
                                     t->threads) +
           crew_checkpoint_bytes(t) + evaluation_bytes(t) + (double)crew_numa_bytes(t);
}

uint64_t crew_trainer_bytes(const crew_trainer *t, uint64_t *workspaces)
{
    if (workspaces)
        *workspaces = (uint64_t)(t->threads * (double)crew_desk_bytes(t) + evaluation_bytes(t));
    return (uint64_t)t->bytes;
}

/* Where the address space is limited, what is mapped counts. */
static crew_status check_address_space(const crew_trainer *t, struct crew_error *err)
{
    struct crew_blas_info blas;
    crew_blas_info(&blas);
    double have = (double)crew_limits_address_bytes(""),
           caller = STACK_BYTES + BUFFER_BYTES + HEAP_BYTES,
           takes = t->bytes + t->threads * caller + HEAP_BYTES;
    takes +=
        (blas.threads - 1) * caller; /* threads of its own, which may not have got theirs */
    if (takes <= have)
        return CREW_OK;
    return crew_fail(err, CREW_ENOMEM,
                     "%u worker%s and %s take about %.0f MB of address space, the limit of the "
                     "process (ulimit -v, -d) leaves %.0f MB: fewer workers take less",
                     t->threads, t->threads == 1 ? "" : "s", t->net->spec, takes / 1e6,
                     have / 1e6);
}

crew_status crew_trainer_check_memory(crew_trainer *t, struct crew_error *err)
{
    double have = (double)crew_machine_free_bytes();
    t->bytes = all_bytes(t);
    if (t->bytes <= have)
        return check_address_space(t, err);
    return crew_fail(err, CREW_ENOMEM,
                     "training %s (%zu parameters) with %u workers and %u tasks takes about "
                     "%.0f MB, %.0f MB are free",
                     t->net->spec, t->net->n_params, t->n, t->cfg.batch_tasks, t->bytes / 1e6,
                     have / 1e6);
}
