#include "cli/progress.h"
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double REDRAW_S = 0.1, PLAIN_S = 2.0; /* at most one line in so long */

void progress_begin(struct progress *p, FILE *to, bool quiet, const struct crew_config *cfg,
                    const struct crew_dataset_info *train)
{
    memset(p, 0, sizeof *p);
    p->to = quiet ? NULL : to;
    p->terminal = isatty(fileno(to)) == 1;
    p->epochs = cfg->epochs;
    p->rounds = cfg->rounds;
    p->time_limit_s = cfg->time_limit_s;
    p->rows = train->rows;
    p->loss = p->val_accuracy = (double)NAN;
    p->last_s = -PLAIN_S;
}

/* Seconds left by the nearest of the limits, NaN: none is set. */
static double time_left(const struct progress *p, uint64_t round, double epochs_done, double elapsed_s)
{
    double left = (double)INFINITY;
    if (p->epochs && epochs_done > 0)
        left = fmin(left, elapsed_s * ((double)p->epochs - epochs_done) / epochs_done);
    if (p->rounds && round)
        left = fmin(left, elapsed_s * (double)(p->rounds - round) / (double)round);
    if (p->time_limit_s > 0)
        left = fmin(left, fmax(p->time_limit_s - elapsed_s, 0));
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

static void describe(const struct progress *p, uint64_t epoch, uint64_t round, double left, char *out,
                     size_t cap)
{
    char epochs[32] = "", val[32] = "", until[32];
    if (p->epochs)
        snprintf(epochs, sizeof epochs, "/%llu", (unsigned long long)p->epochs);
    if (isfinite(p->val_accuracy))
        snprintf(val, sizeof val, "  val %.4f", p->val_accuracy);
    duration(left, until, sizeof until);
    snprintf(out, cap, "epoch %llu%s  round %llu  loss %.4f%s  %.0f rounds/s  %s left",
             (unsigned long long)epoch, epochs, (unsigned long long)round, p->loss, val, p->rounds_per_s,
             until);
}

static void draw(struct progress *p, const char *text)
{
    struct winsize w;
    int width = ioctl(fileno(p->to), TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col - 1 : 79;
    fprintf(p->to, "\r%.*s\033[K", width, text);
    fflush(p->to);
    p->drawn = true;
}

void progress_round(struct progress *p, const struct crew_record *r)
{
    if (!p->to)
        return;
    p->loss = isfinite(p->loss) ? p->loss + 0.1 * (r->loss - p->loss) : r->loss;
    double since = r->elapsed_s - (p->last_s > 0 ? p->last_s : 0);
    if (since < (p->terminal ? REDRAW_S : PLAIN_S))
        return;
    char text[256];
    double epochs_done = (double)(r->epoch - 1) + (double)r->epoch_rows / (double)p->rows;
    p->rounds_per_s = (double)(r->round - p->last_round) / since;
    p->last_s = r->elapsed_s;
    p->last_round = r->round;
    describe(p, r->epoch, r->round, time_left(p, r->round, epochs_done, r->elapsed_s), text, sizeof text);
    if (p->terminal)
        draw(p, text);
    else
        fprintf(p->to, "%s\n", text);
}

void progress_epoch(struct progress *p, const struct crew_epoch_record *r)
{
    p->val_accuracy = r->validation.rows ? r->validation.accuracy : (double)NAN;
}

void progress_end(struct progress *p)
{
    if (p->to && p->drawn)
        fprintf(p->to, "\r\033[K");
    if (p->to)
        fflush(p->to);
}
