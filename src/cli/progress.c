#include "cli/progress.h"
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double REDRAW_S = 0.1, PLAIN_S = 2.0; /* at most one line in so long */

void progress_begin(struct progress *p, FILE *to, bool quiet, const struct crew_summary *limits,
                    double time_limit_s, uint64_t epoch_rows)
{
    memset(p, 0, sizeof *p);
    p->to = quiet ? NULL : to;
    p->terminal = isatty(fileno(to)) == 1;
    p->epochs = limits->epoch_limit;
    p->rounds = limits->round_limit;
    p->time_limit_s = time_limit_s;
    p->rows = epoch_rows;
    p->loss = p->val_accuracy = (double)NAN;
}

/* Real seconds left by the nearest of the limits, infinite: none is set. real_s of them are
 * over, and elapsed_s by the trainer's clock. */
static double time_left(const struct progress *p, uint64_t round, double epochs_done,
                        double elapsed_s, double real_s)
{
    double left = (double)INFINITY;
    if (p->epochs && epochs_done > 0)
        left = fmin(left, real_s * ((double)p->epochs - epochs_done) / epochs_done);
    if (p->rounds && round)
        left = fmin(left, real_s * (double)(p->rounds - round) / (double)round);
    if (p->time_limit_s > 0 && elapsed_s > 0)
        left = fmin(left, real_s * fmax(p->time_limit_s / elapsed_s - 1, 0));
    return left;
}

static void duration(double s, char *out, size_t cap)
{
    unsigned long t = (unsigned long)(s + 0.5);
    if (!isfinite(s) || s > 1e7)
        snprintf(out, cap, "?");
    else if (t >= 3600)
        snprintf(out, cap, "%lu:%02lu:%02lu", t / 3600, t / 60 % 60, t % 60);
    else
        snprintf(out, cap, "%lu:%02lu", t / 60, t % 60);
}

static void describe(struct progress *p, uint64_t epoch, uint64_t round, double left)
{
    char epochs[32] = "", val[32] = "", until[32];
    if (p->epochs)
        snprintf(epochs, sizeof epochs, "/%llu", (unsigned long long)p->epochs);
    if (isfinite(p->val_accuracy))
        snprintf(val, sizeof val, "  val %.4f", p->val_accuracy);
    duration(left, until, sizeof until);
    snprintf(p->text, sizeof p->text,
             "epoch %llu%s  round %llu  loss %.4f%s  %.0f rounds/s  %s left",
             (unsigned long long)epoch, epochs, (unsigned long long)round, p->loss, val,
             p->rounds_per_s, until);
}

static void draw(struct progress *p)
{
    struct winsize w;
    int width = ioctl(fileno(p->to), TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col - 1 : 79;
    if (p->terminal)
        fprintf(p->to, "\r%.*s\033[K", width, p->text);
    else
        fprintf(p->to, "%s\n", p->text);
    fflush(p->to);
}

static void update(struct progress *p, uint64_t epoch, uint64_t round, double left,
                   double real_s)
{
    double since = real_s - p->last_s;
    if (round > p->last_round && since > 0)
        p->rounds_per_s = (double)(round - p->last_round) / since;
    p->last_s = real_s;
    p->last_round = round;
    describe(p, epoch, round, left);
    draw(p);
}

/* On a terminal ten times a second, elsewhere every two seconds. */
void progress_round(struct progress *p, const struct crew_record *r)
{
    if (!p->to)
        return;
    if (isfinite(r->loss))
        p->loss = isfinite(p->loss) ? p->loss + 0.1 * (r->loss - p->loss) : r->loss;
    double epochs_done = (double)(r->epoch - 1) + (double)r->epoch_rows / (double)p->rows;
    if (r->real_s - p->last_s >= (p->terminal ? REDRAW_S : PLAIN_S))
        update(p, r->epoch, r->round,
               time_left(p, r->round, epochs_done, r->elapsed_s, r->real_s), r->real_s);
}

/* The last epoch always, and elsewhere than on a terminal each tenth of them. */
void progress_epoch(struct progress *p, const struct crew_epoch_record *r)
{
    if (!p->to)
        return;
    p->val_accuracy = r->validation.rows ? r->validation.accuracy : (double)NAN;
    bool tenth = p->epochs && r->epoch * 10 / p->epochs > (r->epoch - 1) * 10 / p->epochs;
    if (r->epoch == p->epochs || (tenth && !p->terminal))
        update(p, r->epoch, r->round,
               time_left(p, r->round, (double)r->epoch, r->elapsed_s, r->real_s), r->real_s);
}

void progress_end(struct progress *p)
{
    if (p->to && p->terminal && p->text[0]) /* the last state stays */
        fprintf(p->to, "\n");
}
