/* The numbers behind the plots of a report, for whoever draws their own. */
#include "study/plot.h"
#include <math.h>
#include <string.h>

static void put_text(FILE *to, const char *s)
{
    bool quote = strpbrk(s, ",\"\r\n") != NULL;
    if (quote)
        fputc('"', to);
    for (; *s; s++) {
        if (*s == '"')
            fputc('"', to);
        fputc(*s, to);
    }
    fputc(quote ? '"' : ',', to);
    if (quote)
        fputc(',', to);
}

bool crew_csv_loss(FILE *to, const struct crew_logs *all)
{
    struct crew_curve c;
    double seconds, worker_s, loss;
    size_t n = 0;
    fputs("run,seconds,worker_s,loss\n", to);
    for (size_t k = 0; crew_curve_at(all, k, &c); k++)
        for (size_t i = 0; i < c.n; i++)
            if (crew_curve_point(&c, i, &seconds, &worker_s, &loss)) {
                put_text(to, c.label);
                fprintf(to, "%.9g,%.9g,%.9g\n", seconds, worker_s, loss);
                n++;
            }
    return n > 0;
}

bool crew_csv_quota(FILE *to, const struct crew_logs *all)
{
    size_t n = 0;
    fputs("run,last_round,rounds,worker,quota,done\n", to);
    for (size_t k = 0; k < all->n_logs; k++) {
        const struct crew_log *l = all->log[k];
        for (size_t i = 0; l->tasks[0] && i < l->n_bins; i++)
            for (uint32_t w = 0; w < l->shown; w++, n++) {
                size_t at = i * l->shown + w;
                double rounds = (double)l->bin[i].rounds;
                put_text(to, l->name);
                fprintf(to, "%llu,%llu,", (unsigned long long)l->bin[i].last,
                        (unsigned long long)l->bin[i].rounds);
                if (w < CREW_LOG_WORKERS)
                    fprintf(to, "%u", w);
                else
                    fputs("rest", to);
                fprintf(to, ",%.9g,%.9g\n", l->tasks[1][at] / rounds, l->tasks[0][at] / rounds);
            }
    }
    return n > 0;
}

bool crew_csv_times(FILE *to, const struct crew_logs *all)
{
    size_t n = 0;
    double q[5];
    fputs("run,worker,of,p5_ms,p25_ms,median_ms,p75_ms,p95_ms\n", to);
    for (size_t k = 0; k < all->n_logs; k++)
        for (uint32_t w = 0; w < CREW_LOG_WORKERS; w++)
            if (crew_log_quantiles(all->log[k], w, q)) {
                put_text(to, all->log[k]->name);
                fprintf(to, "%u,%s,%.9g,%.9g,%.9g,%.9g,%.9g\n", w,
                        all->log[k]->single ? "tasks" : "means of rounds", 1e3 * q[0],
                        1e3 * q[1], 1e3 * q[2], 1e3 * q[3], 1e3 * q[4]);
                n++;
            }
    return n > 0;
}

bool crew_csv_last(FILE *to, const struct crew_logs *all)
{
    size_t n = 0;
    fputs("run,round,worker,kept,start_s,seconds\n", to);
    for (size_t k = 0; k < all->n_logs; k++) {
        struct crew_last_rounds l;
        bool known = crew_last_rounds(all->log[k], &l);
        for (size_t i = 0; known && i < l.n; i++, n++) {
            put_text(to, all->log[k]->name);
            fprintf(to, "%llu,%u,%d,%.9g,%.9g\n", (unsigned long long)l.span[i].round,
                    l.span[i].worker, l.span[i].kept, l.span[i].start_s, l.span[i].seconds);
        }
        crew_last_rounds_free(&l);
    }
    return n > 0;
}

bool crew_csv_latency(FILE *to, const struct crew_logs *all)
{
    size_t n = 0;
    fputs("file,from,to,ns\n", to);
    for (size_t k = 0; k < all->n_inputs; k++) {
        const json_t *rows = json_object_get(all->input[k].document, "latency_ns");
        for (size_t i = 0; i < json_array_size(rows); i++)
            for (size_t j = 0; j < json_array_size(json_array_get(rows, i)); j++) {
                const json_t *v = json_array_get(json_array_get(rows, i), j);
                if (i == j || !json_is_number(v))
                    continue;
                put_text(to, all->input[k].path);
                fprintf(to, "%zu,%zu,%.9g\n", i, j, json_number_value(v));
                n++;
            }
    }
    return n > 0;
}

bool crew_csv_watch(FILE *to, const struct crew_logs *all)
{
    size_t n = 0;
    struct crew_watched w;
    fputs("file,slot,begin_s,seconds,tasks_per_s\n", to);
    for (size_t f = 0; f < all->n_inputs; f++) {
        if (!crew_watched_of(all->input[f].document, &w))
            continue;
        for (size_t i = 0; i < w.n; i++)
            for (size_t k = 0; k < w.slots; k++) {
                double v = crew_watched_at(&w, i, k);
                if (!isfinite(v))
                    continue;
                put_text(to, all->input[f].path);
                fprintf(to, "%zu,%.9g,%.9g,%.9g\n", k, (double)i * w.bucket_s, w.bucket_s, v);
                n++;
            }
    }
    return n > 0;
}
