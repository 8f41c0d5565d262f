#include "study/plot.h"
#include <math.h>
#include <string.h>

enum { WIDTH = 480, HEIGHT = 300 };

const char *const crew_plot_span_colour[4] = {"#3b8fd6", "#6aaee6", "#d6494a", "#8a94a0"};

enum { FEW = 10 };
static const char *const few[FEW] = {"#3b8fd6", "#e1812c", "#3aa655", "#d6494a", "#9a6fd0",
                                     "#a5813f", "#d86fb5", "#1fa3ad", "#8f9a2a", "#7f8c9a"};

int crew_plot_curve_colour(size_t i, char out[8])
{
    snprintf(out, 8, "%s", few[i % FEW]);
    return (int)(i / FEW % 3);
}

/* Of few the well-known ones, of many a walk around the colour circle; all can be told from
 * white and from black. */
void crew_plot_colour(size_t i, size_t n, char out[8])
{
    if (n <= FEW) {
        snprintf(out, 8, "%s", few[i]);
        return;
    }
    double rgb[3];
    for (int k = 0; k < 3; k++)
        rgb[k] = 140 + 72 * cos(6.283185307 * ((double)i / (double)n - k / 3.0));
    double shade = i % 2 ? 0.82 : 1.0; /* neighbours differ */
    snprintf(out, 8, "#%02x%02x%02x", (unsigned)(shade * rgb[0]), (unsigned)(shade * rgb[1]),
             (unsigned)(shade * rgb[2]));
}

static void begin(FILE *to, int height)
{
    fprintf(to,
            "set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,15'\n"
            "set encoding utf8\n"
            "set key off\n"
            "set rmargin 2\n"
            "set tmargin 0.7\n"
            "set bmargin 2.6\n"
            "set xtics offset 0,0.5\n"
            "set ytics offset 0.5,0\n"
            "set xlabel offset 0,1.1\n"
            "set ylabel offset 1,0\n"
            "set border 3 lc rgb '" CREW_PLOT_INK "'\n"
            "set tics out nomirror textcolor rgb '" CREW_PLOT_INK "'\n"
            "set grid ytics back lt 1 dt 1 lw 0.5 lc rgb '#a0808080'\n"
            "set xlabel textcolor rgb '" CREW_PLOT_INK "'\n"
            "set ylabel textcolor rgb '" CREW_PLOT_INK "'\n",
            WIDTH, height);
}

/* Few enough marks on the x axis that their numbers stay apart on a phone. */
static void put_marks(FILE *to, double range)
{
    double step = pow(10, floor(log10(range / 5)));
    while (range / step > 6)
        step *= range / step > 15 ? 5 : 2;
    fprintf(to, "set xtics %.7g\n", step);
}

static void label(FILE *to, const char *x, const char *y)
{
    fprintf(to, "set xlabel '%s'\nset ylabel '%s'\n", x, y);
}

/* ---- Loss ---- */

/* A line through it would not be seen. */
static bool is_one_point(const struct crew_logs *all, size_t curve)
{
    struct crew_curve c;
    double seconds, worker_s, loss;
    size_t points = 0;
    if (crew_curve_at(all, curve, &c))
        for (size_t i = 0; i < c.n && points < 2; i++)
            points += crew_curve_point(&c, i, &seconds, &worker_s, &loss);
    return points == 1;
}

bool crew_plot_loss(FILE *to, const struct crew_logs *all, bool by_core)
{
    struct crew_curve c;
    double seconds, worker_s, loss, low = (double)INFINITY, high = 0, far = 0;
    size_t n = 0;
    begin(to, HEIGHT);
    for (; crew_curve_at(all, n, &c); n++) {
        fprintf(to, "$c%zu << END\n", n);
        for (size_t i = 0; i < c.n; i++) {
            if (!crew_curve_point(&c, i, &seconds, &worker_s, &loss))
                continue;
            double x = by_core ? worker_s : seconds;
            fprintf(to, "%.7g %.7g\n", x, loss);
            low = fmin(low, loss);
            high = fmax(high, loss);
            far = fmax(far, x);
        }
        fprintf(to, "END\n");
    }
    if (!n || !(far > 0))
        return false;
    label(to, by_core ? "core-seconds" : "seconds", "loss");
    fprintf(to, "set xrange [0:%.7g]\n", 1.02 * far);
    put_marks(to, far);
    if (low > 0 && high > 30 * low)
        fprintf(to, "set logscale y\nset yrange [%.7g:%.7g]\n", 0.8 * low, 1.25 * high);
    else if (low >= 0)
        fprintf(to, "set yrange [0:%.7g]\n", high > 0 ? 1.05 * high : 1);
    for (size_t i = 0; i < n; i++) {
        static const char *const gaps[3] = {"1", "(14,6)", "(3,5)"};
        char colour[8];
        int how = crew_plot_curve_colour(i, colour);
        fprintf(to, "%s $c%zu ", i ? "," : "plot", i);
        if (is_one_point(all, i)) /* gnuplot's points are references to ids */
            fprintf(to, "using 1:2:(%.7g) with circles fs solid noborder lc rgb '%s'",
                    far / 100, colour);
        else
            fprintf(to, "with lines lw 2.5 dt %s lc rgb '%s'", gaps[how], colour);
    }
    fprintf(to, "\n");
    return true;
}

/* ---- Quotas ---- */

/* Each worker is an area down to the axis, drawn from the top one down. Of few workers in
 * steps, of many in lines from bin to bin: half the points. */
bool crew_plot_quota(FILE *to, const struct crew_log *log)
{
    const double *tasks = log->tasks[log->planned];
    bool steps = log->shown <= 16;
    double high = 0;
    if (!tasks || !log->n_bins)
        return false;
    begin(to, HEIGHT);
    fprintf(to, "$q << END\n");
    for (size_t i = 0; i < log->n_bins; i++)
        for (int edge = 0; edge < 1 + steps; edge++) {
            const struct crew_log_bin *b = &log->bin[i];
            double sum = 0, n = (double)b->rounds;
            fprintf(to, "%.9g",
                    steps ? (double)b->last + (edge ? 0.5 : 0.5 - n)
                          : (double)b->last + 0.5 - n / 2);
            for (uint32_t w = 0; w < log->shown; w++)
                fprintf(to, " %.5g", sum += tasks[i * log->shown + w] / n);
            fprintf(to, "\n");
            high = fmax(high, sum);
        }
    fprintf(to, "END\n");
    const struct crew_log_bin *first = log->bin, *last = &log->bin[log->n_bins - 1];
    label(to, "round", "tasks a round");
    fprintf(to, "set xrange [%.9g:%.9g]\nset yrange [0:%.7g]\n",
            (double)first->last + 0.5 - (double)first->rounds, (double)last->last + 0.5,
            high > 0 ? 1.02 * high : 1);
    for (uint32_t w = log->shown; w-- > 0;) {
        char colour[8];
        crew_plot_colour(w, log->shown, colour);
        fprintf(to, "%s $q using 1:%u with filledcurves y1=0 fs solid 0.9 noborder lc rgb '%s'",
                w + 1 < log->shown ? "," : "plot", w + 2, colour);
    }
    fprintf(to, "\n");
    return high > 0;
}

/* ---- Task times ---- */

bool crew_plot_times(FILE *to, const struct crew_log *log)
{
    uint32_t shown = log->workers > CREW_LOG_WORKERS ? CREW_LOG_WORKERS : log->workers, n = 0;
    double low = (double)INFINITY, high = 0, q[5];
    if (log->single && log->single->workers > shown)
        shown =
            log->single->workers > CREW_LOG_WORKERS ? CREW_LOG_WORKERS : log->single->workers;
    begin(to, HEIGHT);
    fprintf(to, "$t << END\n");
    for (uint32_t w = 0; w < shown; w++) {
        char colour[8];
        if (!crew_log_quantiles(log, w, q))
            continue;
        crew_plot_colour(w, log->shown ? log->shown : shown, colour);
        fprintf(to, "%u %.7g %.7g %.7g %.7g %.7g 0x%s\n", w, 1e3 * q[0], 1e3 * q[1], 1e3 * q[2],
                1e3 * q[3], 1e3 * q[4], colour + 1);
        low = fmin(low, q[0]);
        high = fmax(high, q[4]);
        n++;
    }
    fprintf(to, "END\n");
    label(to, "worker", log->single ? "ms a task" : "ms a task, mean of a round");
    fprintf(to, "set xrange [-0.7:%.7g]\nset xtics %u\nset boxwidth 0.6\n", shown - 0.3,
            shown <= 16 ? 1u : 8u);
    if (high > 20 * low)
        fprintf(to, "set logscale y\nset yrange [%.7g:%.7g]\n", 800 * low, 1250 * high);
    else
        fprintf(to, "set yrange [0:*]\n");
    fprintf(
        to,
        "plot $t using 1:3:2:6:5:7 with candlesticks whiskerbars 0.5 lw 1.5 lc rgb variable fs "
        "transparent solid 0.55, $t using 1:4:4:4:4 with candlesticks lw 2.5 lc rgb '%s'\n",
        CREW_PLOT_INK);
    return n > 0;
}

/* ---- The last rounds ---- */

static void put_box(FILE *to, double from_s, double to_s, uint32_t worker, double half,
                    const char *colour)
{
    fprintf(to, "%.7g %u %.7g %.7g %.3g %.3g 0x%s\n", 500 * (from_s + to_s), worker,
            1e3 * from_s, 1e3 * to_s, worker - half, worker + half, colour + 1);
}

/* What is left of a round between a worker's tasks and the end of the wait. */
static void put_waits(FILE *to, const struct crew_last_rounds *l)
{
    for (size_t r = 0; r < l->n_rounds; r++)
        for (uint32_t w = 0; w < l->workers; w++)
            put_box(to, l->round[r].begin_s, l->round[r].begin_s + l->round[r].wait_s, w, 0.16,
                    crew_plot_span_colour[3]);
}

bool crew_plot_last(FILE *to, const struct crew_log *log)
{
    struct crew_last_rounds l;
    bool ok = crew_last_rounds(log, &l);
    size_t nth = 0;
    if (ok) {
        int height = 130 + 26 * (int)l.workers;
        begin(to, height < HEIGHT / 2 ? HEIGHT / 2 : height > 900 ? 900 : height);
        fprintf(to, "$b << END\n");
        put_waits(to, &l);
        for (size_t i = 0; i < l.n; i++) {
            const struct crew_log_span *x = &l.span[i];
            nth = i && x[-1].worker == x->worker && x[-1].round == x->round ? nth + 1 : 0;
            if (x->worker < l.workers)
                put_box(to, x->start_s, x->start_s + x->seconds, x->worker, 0.4,
                        crew_plot_span_colour[!x->kept ? 2 : nth % 2]);
        }
        fprintf(to, "END\n$r << END\n");
        for (size_t r = 0; r < l.n_rounds; r++)
            fprintf(to, "%.7g -0.5 0 %u\n", 1e3 * l.round[r].begin_s, l.workers);
        fprintf(to,
                "END\nset xrange [0:%.7g]\nset yrange [%.7g:-0.5]\nset ytics %u\nunset grid\n",
                1e3 * l.end_s, l.workers - 0.5, l.workers <= 24 ? 1u : 8u);
        put_marks(to, 1e3 * l.end_s);
        label(to, "ms since the first of these rounds began", "worker");
        fprintf(
            to,
            "plot $b using 1:2:3:4:5:6:7 with boxxyerror fs solid noborder lc rgb variable, "
            "$r using 1:2:3:4 with vectors nohead lw 1 lc rgb '" CREW_PLOT_INK "'\n");
    }
    crew_last_rounds_free(&l);
    return ok;
}

/* ---- Latency ---- */

enum { MOST_NUMBERS = 8 }; /* squares in a row that have room for them */

/* What the squares stand for, in black on the bright ones and in white on the others. */
static void put_numbers(FILE *to, const json_t *rows, const struct crew_latencies *l, size_t n)
{
    fprintf(to, "$t << END\n");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            double v = crew_latency_at(rows, l, i, k);
            if (isfinite(v))
                fprintf(to, v < 10 ? "%zu %zu %.1f %s\n" : "%zu %zu %.0f %s\n", k, i, v,
                        v < 0.4 * l->high ? "0xffffff" : "0x101010");
        }
    fprintf(to, "END\n");
}

bool crew_plot_latency(FILE *to, const json_t *benchmark)
{
    const json_t *rows = json_object_get(benchmark, "latency_ns");
    struct crew_latencies l;
    if (!crew_latencies_of(rows, &l))
        return false;
    size_t n = (l.n + l.each - 1) / l.each;
    uint32_t step = n <= 16 ? 1 : (uint32_t)(n + 7) / 8;
    begin(to, 400);
    fprintf(to, "$m << END\n");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            double v = crew_latency_at(rows, &l, i, k);
            if (isfinite(v))
                fprintf(to, "%.5g", v);
            else
                fputs("NaN", to);
            fputc(k + 1 < n ? ' ' : '\n', to);
        }
    fprintf(to,
            "END\nset border 0\nunset grid\nset size square\nset tics scale 0\nset xtics %u\n"
            "set ytics %u\nset xrange [-0.5:%.7g]\nset yrange [%.7g:-0.5]\nset cbrange "
            "[0:%.7g]\nset cbtics textcolor rgb '" CREW_PLOT_INK "'\n"
            "set cblabel 'ns' textcolor rgb '" CREW_PLOT_INK "'\n"
            "set palette defined (0 '#2b4f9e', 0.33 '#1fa3ad', 0.66 '#9ccc4a', 1 '#f4d03f')\n",
            step, step, (double)n - 0.5, (double)n - 0.5, l.high);
    char x[40] = "to slot", y[40] = "from slot";
    if (l.each > 1) {
        snprintf(x, sizeof x, "to slot / %zu", l.each);
        snprintf(y, sizeof y, "from slot / %zu", l.each);
    }
    label(to, x, y);
    if (n <= MOST_NUMBERS)
        put_numbers(to, rows, &l, n);
    fprintf(to, "plot $m matrix with image pixels%s\n",
            n <= MOST_NUMBERS ? ", $t using 1:2:3:4 with labels textcolor rgb variable" : "");
    return true;
}

/* ---- A watch ---- */

bool crew_plot_watch(FILE *to, const json_t *benchmark)
{
    struct crew_watched w;
    char colour[8];
    if (!crew_watched_of(benchmark, &w))
        return false;
    begin(to, HEIGHT);
    fprintf(to, "$w << END\n");
    for (size_t i = 0; i < w.n; i++) {
        fprintf(to, "%.7g", ((double)i + 0.5) * w.bucket_s);
        for (uint32_t k = 0; k < w.shown; k++) {
            double v = crew_watched_at(&w, i, k);
            fprintf(to, isfinite(v) ? " %.7g" : " NaN", v);
        }
        fputc('\n', to);
    }
    fprintf(to, "END\nset xrange [0:%.7g]\nset yrange [0:*]\n", (double)w.n * w.bucket_s);
    label(to, "seconds from a cold start", "tasks a second");
    for (uint32_t k = 0; k < w.shown; k++) {
        crew_plot_colour(k, w.shown, colour);
        /* a stretch that stands alone is seen, too */
        fprintf(
            to,
            "%s $w using 1:%u with lines lc rgb '%s', $w using ($1-%.7g):%u:(%.7g):(0) with "
            "vectors nohead lw 2 lc rgb '%s'",
            k ? "," : "plot", k + 2, colour, w.bucket_s / 2, k + 2, w.bucket_s, colour);
    }
    fputc('\n', to);
    return true;
}
