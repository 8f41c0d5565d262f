/* The exact min-max split. It is also the rule of D'Hondt for seats, with votes 1 / cost.
 *
 * Item (i, k) is worker i's k-th task, k = 1, 2, ...; its value k * cost[i] is when it is done.
 * The split takes the first B = tasks items in the order: value, then k > 1 before k = 1 (wake
 * nobody), then worker. With t* the value of the last one taken, all i and j obey
 *
 *      a[j] * cost[j] <= t* <= (a[i] + 1) * cost[i]
 *
 * which is optimality; only which of the items at t* are taken is a matter of taste.
 *
 * Items of value <= t number sum_i floor(t / cost[i]), between t * rate - n and t * rate, where
 * rate = sum_i 1 / cost[i]. So t* lies between B / rate and (B + n) / rate, with fewer than 2n
 * items: that is why no time below depends on B. To bracket t* so and select is the idea of
 * Cheng and Eppstein, ISAAC 2014, and of Reitzig and Wild, Math. Prog. 2023; the buckets are
 * ours. A worker whose cost is above such a bound gets nothing: with fewer tasks than workers
 * most of them drop out first.
 *
 * Values are compared as the doubles k * cost[i], and so compared the split is exact to the
 * last bit while B <= EXACT. Beyond, a double no longer tells k from k + 1, and the split is
 * the best one up to rounding; it still gives every task. */
#include "policy/minmax.h"
#include <math.h>
#include <string.h>

enum { SMALL = 32 };                             /* workers up to which steps beat selection */
enum { GUESSES = 3, NEAR = 2 };                  /* of t; tasks from which steps do the rest */
enum { STRIDE = 8 };                             /* workers that are passed over at once */
static const uint64_t EXACT = UINT64_C(1) << 52; /* tasks; k and k + 1 are doubles */

/* How many items of one worker have a value <= t, at most `most`. The quotient is off by one at
 * worst, and only where the product can tell. */
static inline uint64_t count(double cost, uint64_t most, double t)
{
    double x = t / cost;
    uint64_t k = x < (double)most ? (uint64_t)x : most;
    if ((double)k * cost > t)
        return k - 1;
    return k < most && (double)(k + 1) * cost <= t ? k + 1 : k;
}

/* In four sums: they do not wait for each other. */
static double rate_of(const double *cost, uint32_t n)
{
    double a = 0, b = 0, c = 0, d = 0;
    uint32_t i = 0;
    for (; n - i >= 4; i += 4) {
        a += 1 / cost[i];
        b += 1 / cost[i + 1];
        c += 1 / cost[i + 2];
        d += 1 / cost[i + 3];
    }
    for (; i < n; i++)
        a += 1 / cost[i];
    return (a + b) + (c + d);
}

/* The worker whose next item comes first. */
static uint32_t next_item(const double *cost, uint32_t n, const uint64_t *quota)
{
    uint32_t best = 0;
    double least = HUGE_VAL;
    for (uint32_t i = 0; i < n; i++) {
        double v = (double)(quota[i] + 1) * cost[i];
        if (v < least || (v == least && !quota[best] && quota[i])) {
            least = v;
            best = i;
        }
    }
    return best;
}

/* The worker whose latest item comes last. */
static uint32_t latest_item(const double *cost, uint32_t n, const uint64_t *quota)
{
    uint32_t best = 0;
    double most = 0;
    for (uint32_t i = 0; i < n; i++) {
        double v = (double)quota[i] * cost[i];
        if (v > most || (v == most && (quota[best] != 1 || quota[i] == 1))) {
            most = v;
            best = i;
        }
    }
    return best;
}

static uint64_t count_all(const double *cost, uint32_t n, uint64_t tasks, double t,
                          uint64_t *quota)
{
    uint64_t taken = 0;
    for (uint32_t i = 0; i < n; i++)
        taken += quota[i] = count(cost[i], tasks, t);
    return taken;
}

/* Few workers: take all items up to a t that should hold B of them, move t by as many as were
 * too many or too few, and give or take back the last ones one at a time. False, with quota
 * undefined, if rate overflowed and t is no guess at all. */
static bool split_by_steps(const double *cost, uint32_t n, uint64_t tasks, uint64_t *quota)
{
    double rate = rate_of(cost, n), t = ((double)tasks + 0.5 * n) / rate;
    uint64_t taken = count_all(cost, n, tasks, t, quota);
    for (int guess = 0; guess < GUESSES && (taken > tasks + NEAR || taken + NEAR < tasks);
         guess++) {
        t += ((double)tasks - (double)taken) / rate;
        taken = count_all(cost, n, tasks, t, quota);
    }
    if (taken > tasks + n || taken + n < tasks)
        return false;
    for (; taken < tasks; taken++)
        quota[next_item(cost, n, quota)]++;
    for (; taken > tasks; taken--)
        quota[latest_item(cost, n, quota)]--;
    return true;
}

/* The k-th smallest of x[0..n), k from 0; reorders x. Hoare's FIND, CACM 4(7), 1961, with
 * pivots from a fixed sequence: linear on average whatever the input, and many equal values do
 * it no harm. */
static double select_value(double *x, size_t n, size_t k)
{
    size_t lo = 0, hi = n - 1;
    uint64_t random = n;
    while (lo < hi) {
        random = random * UINT64_C(6364136223846793005) + 1; /* Knuth's MMIX generator */
        double pivot = x[lo + (size_t)(random >> 33) % (hi - lo + 1)];
        size_t i = lo, j = hi;
        for (;; i++, j--) {
            while (x[i] < pivot)
                i++;
            while (x[j] > pivot)
                j--;
            if (i >= j)
                break;
            double swap = x[i];
            x[i] = x[j];
            x[j] = swap;
        }
        /* x[lo..i) <= pivot <= x[i..hi]; if the two met, x[i] is the pivot and in its place. */
        if (k < i)
            hi = i - 1;
        else if (i != j)
            lo = i;
        else if (k > i)
            lo = i + 1;
        else
            break;
    }
    return x[k];
}

static inline uint32_t bucket_of(double v, double lo, double scale, uint32_t n)
{
    double b = (v - lo) * scale;
    return b < n ? (uint32_t)b : n - 1;
}

/* t* in O(n): bucket the items of the bracket, n buckets of width about 1 / rate; as 1 / rate
 * is below every cost a bucket holds hardly more than one item of a worker. Then select inside
 * one bucket. 0 where rounding spoils the bracket: the caller bisects. */
static double threshold_by_selection(const double *cost, uint32_t n, uint64_t tasks,
                                     double *value, uint64_t *bucket)
{
    double rate = rate_of(cost, n), slack = n * 0x1p-52; /* of n additions and a division */
    double lo = (double)tasks / rate * (1 - slack);
    double hi = (double)(tasks + n) / rate * (1 + slack);
    double scale = n / (hi - lo);
    if (!isnormal(scale))
        return 0;
    uint64_t below = 0;
    memset(bucket, 0, n * sizeof *bucket);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t k = count(cost[i], tasks, lo);
        below += k;
        for (double v; k < tasks && (v = (double)(k + 1) * cost[i]) <= hi; k++)
            bucket[bucket_of(v, lo, scale, n)]++;
    }
    if (below >= tasks)
        return 0;
    uint32_t b = 0;
    for (; b < n && below + bucket[b] < tasks; b++)
        below += bucket[b];
    if (b == n || bucket[b] > n)
        return 0;
    size_t m = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t k = count(cost[i], tasks, lo);
        for (double v; k < tasks && (v = (double)(k + 1) * cost[i]) <= hi; k++)
            if (bucket_of(v, lo, scale, n) == b)
                value[m++] = v;
    }
    return select_value(value, m, (size_t)(tasks - below - 1));
}

/* least [n]: items that worker i has in any case; NULL: none. */
static bool reaches(const double *cost, uint32_t n, uint64_t tasks, const uint64_t *least,
                    double t)
{
    uint64_t missing = tasks;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t k = count(cost[i], tasks, t);
        k = least && k < least[i] ? least[i] : k;
        if (k >= missing)
            return true;
        missing -= k;
    }
    return false;
}

/* t* as the least double with B items: the bits of positive doubles sort like the doubles. 63
 * passes, whatever the input: for B beyond EXACT, and for costs near the ends of the range of
 * double. */
static double threshold_by_bisection(const double *cost, uint32_t n, uint64_t tasks,
                                     const uint64_t *least)
{
    uint64_t lo = 0, hi = UINT64_C(0x7ff) << 52; /* zero and infinity */
    double t = HUGE_VAL;
    while (hi - lo > 1) {
        uint64_t mid = lo + (hi - lo) / 2;
        double at;
        memcpy(&at, &mid, sizeof at);
        if (reaches(cost, n, tasks, least, at)) {
            hi = mid;
            t = at;
        } else {
            lo = mid;
        }
    }
    return t;
}

/* All items before t*, then what is left among those at t*: first where nobody is woken. */
static void fill(const double *cost, uint32_t n, uint64_t tasks, double t, uint64_t *quota)
{
    double before = nextafter(t, 0);
    uint64_t left = tasks;
    for (uint32_t i = 0; i < n; i++)
        left -= quota[i] = count(cost[i], tasks, before);
    for (int wake = 0; wake < 2; wake++) {
        for (uint32_t i = 0; i < n && left; i++) {
            if ((quota[i] == 0) != wake)
                continue;
            uint64_t at = count(cost[i], tasks, t) - quota[i]; /* 0 or 1 unless k > EXACT */
            at = at < left ? at : left;
            quota[i] += at;
            left -= at;
        }
    }
}

static void split(const double *cost, uint32_t n, uint64_t tasks, double *scratch,
                  uint64_t *quota)
{
    double t = 0;
    if (tasks <= EXACT && n <= SMALL) {
        if (split_by_steps(cost, n, tasks, quota))
            return;
    } else if (tasks <= EXACT) {
        t = threshold_by_selection(cost, n, tasks, scratch, quota);
    }
    if (t == 0)
        t = threshold_by_bisection(cost, n, tasks, NULL);
    fill(cost, n, tasks, t, quota);
}

static bool all_above(const double *cost, double most)
{
    double least[2] = {cost[0], cost[1]};
    for (uint32_t j = 2; j < STRIDE; j += 2) {
        least[0] = cost[j] < least[0] ? cost[j] : least[0];
        least[1] = cost[j + 1] < least[1] ? cost[j + 1] : least[1];
    }
    return least[0] > most && least[1] > most;
}

/* Those of the n workers whose cost is at most `most`: their costs, and in who their numbers in
 * ascending order. May work in place. Returns how many there are. */
static uint32_t keep_cheap(const double *cost, const uint64_t *number, uint32_t n, double most,
                           double *kept, uint64_t *who)
{
    uint32_t m = 0;
    for (uint32_t i = 0, end; i < n; i = end) {
        end = n - i > STRIDE ? i + STRIDE : n;
        if (end == i + STRIDE && all_above(cost + i, most))
            continue;
        for (uint32_t j = i; j < end; j++) {
            double c = cost[j];
            kept[m] = c;
            who[m] = number ? number[j] : j;
            m += c <= most;
        }
    }
    return m;
}

/* Workers whose costs stand in kept[0..m), with kept[m..2m) to work in: of those only the
 * `tasks` cheapest, and who costs the same as the last of them, may get something. */
static uint32_t keep_cheapest(uint64_t tasks, uint32_t m, double *kept, uint64_t *who)
{
    if (m <= tasks)
        return m;
    memcpy(kept + m, kept, m * sizeof *kept);
    return keep_cheap(kept, who, m, select_value(kept + m, m, (size_t)tasks - 1), kept, who);
}

/* The workers that may get something, 0 < tasks < n: the `tasks` cheapest, and fewer where some
 * are so fast that the rest goes without: t* of any part of them is at most (B + m) / rate of
 * the part. 0: there is nothing to gain. */
static uint32_t drop_dear(const double *cost, uint32_t n, uint64_t tasks, double *kept,
                          uint64_t *who)
{
    double slack = 1 + n * 0x1p-52;
    uint32_t m =
        keep_cheap(cost, NULL, n, (double)(tasks + n) / rate_of(cost, n) * slack, kept, who);
    for (uint32_t before = n; m < before - before / 4 && m > tasks;) {
        before = m;
        m = keep_cheap(kept, who, m, (double)(tasks + m) / rate_of(kept, m) * slack, kept, who);
    }
    if (m <= n / 2)
        return keep_cheapest(tasks, m, kept, who);
    memcpy(kept, cost, n * sizeof *kept);
    m = keep_cheap(cost, NULL, n, select_value(kept, n, (size_t)tasks - 1), kept, who);
    return m <= n / 2 ? m : 0;
}

/* who[0..m) got quota[m..2m): to its places among all n. quota is zero from `dirty` on; scratch
 * [2m] */
static void spread_out(uint64_t *quota, uint32_t m, uint32_t dirty, double *scratch)
{
    memcpy(scratch, quota, 2 * m * sizeof *quota);
    memset(quota, 0, dirty * sizeof *quota);
    for (uint32_t j = 0; j < m; j++) {
        uint64_t who;
        memcpy(&who, &scratch[j], sizeof who);
        memcpy(&quota[who], &scratch[m + j], sizeof *quota);
    }
}

/* What is known of a split among a part of the workers. */
struct part {
    double last_s;  /* the busiest worker's time */
    double dearest; /* largest cost in it */
};

/* The split among the m cheap workers that stand in scratch and quota, spread over all. */
static struct part split_cheap(uint32_t m, uint32_t dirty, uint64_t tasks, double *scratch,
                               uint64_t *quota)
{
    struct part p = {0, 0};
    double cheapest = scratch[0];
    for (uint32_t j = 0; j < m; j++) {
        p.dearest = scratch[j] > p.dearest ? scratch[j] : p.dearest;
        cheapest = scratch[j] < cheapest ? scratch[j] : cheapest;
    }
    if (m == tasks && p.dearest < 2 * cheapest) { /* before anybody's second task */
        for (uint32_t j = 0; j < m; j++)
            quota[m + j] = 1;
        p.last_s = p.dearest;
    } else {
        split(scratch, m, tasks, scratch + m, quota + m);
        for (uint32_t j = 0; j < m; j++)
            p.last_s = fmax(p.last_s, scratch[j] * (double)quota[m + j]);
    }
    spread_out(quota, m, dirty, scratch);
    return p;
}

/* Is it worth the search for those who may get something? */
static bool few(uint64_t tasks, uint32_t n)
{
    return tasks && tasks < n && n > SMALL;
}

/* The split anew, with no idea of who may get something. */
static struct part split_afresh(const double *cost, uint32_t n, uint64_t tasks, double *scratch,
                                uint64_t *quota)
{
    uint32_t m = few(tasks, n) ? drop_dear(cost, n, tasks, scratch, quota) : 0;
    if (m)
        return split_cheap(m, n, tasks, scratch, quota);
    split(cost, n, tasks, scratch, quota);
    return (struct part){0, 0};
}

/* Costs that wander stay near each other, and how near only shows in time: the margin shrinks
 * while it lets in many more than get something, and grows when it was too narrow. */
void crew_minmax_split_again(const double *cost, uint32_t n, uint64_t tasks,
                             struct crew_minmax_bound *bound, double *scratch, uint64_t *quota)
{
    double most = bound->cost * (1 + bound->margin);
    uint32_t m =
        few(tasks, n) && most > 0 ? keep_cheap(cost, NULL, n, most, scratch, quota) : 0;
    bound->margin *= m > 2 * tasks ? 0.75 : 1;
    if (m && m < n - m) {
        uint32_t kept = m > SMALL ? keep_cheapest(tasks, m, scratch, quota) : m;
        struct part p = split_cheap(kept, 2 * m + 1, tasks, scratch, quota);
        if (p.last_s <= most) {
            bound->cost = kept < m ? p.dearest : bound->cost;
            return;
        } /* else dearer ones may have a part in it */
    }
    bound->margin = fmin(4 * bound->margin + 1e-6, 1);
    bound->cost = split_afresh(cost, n, tasks, scratch, quota).dearest;
}

void crew_minmax_split(const double *cost, uint32_t n, uint64_t tasks, double *scratch,
                       uint64_t *quota)
{
    (void)split_afresh(cost, n, tasks, scratch, quota);
}

/* ---- From given seats ---- */

/* Workers member[0..m) and their costs, members being those whose seats all end before t; t 0:
 * all. */
static uint32_t list_members(const double *cost, uint32_t n, const uint64_t *least, double t,
                             double *member_cost, double *member)
{
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; i++) {
        member[m] = i;
        member_cost[m] = cost[i];
        m += t == 0 || !least[i] || (double)least[i] * cost[i] < t;
    }
    return m;
}

/* Of the members those who got at least their seats; *tasks is what the others leave them. */
static uint32_t drop_those_below(uint32_t m, const uint64_t *least, const uint64_t *quota,
                                 double *member_cost, double *member, uint64_t *tasks)
{
    uint32_t kept = 0;
    for (uint32_t j = 0; j < m; j++) {
        uint64_t seats = least[(uint32_t)member[j]];
        member[kept] = member[j];
        member_cost[kept] = member_cost[j];
        if (quota[j] >= seats)
            kept++;
        else
            *tasks -= seats;
    }
    return kept;
}

static uint64_t seats_of_others(uint32_t n, const uint64_t *least, uint32_t m,
                                const double *member)
{
    uint64_t sum = 0;
    for (uint32_t i = 0, j = 0; i < n; i++) {
        bool is = j < m && (uint32_t)member[j] == i;
        j += is;
        sum += is ? 0 : least[i];
    }
    return sum;
}

/* The t* of the split without seats is an upper bound of the one with them: who then gets less
 * than its seats keeps just these, and the others share the rest, which lowers t* again. When
 * nobody is left out any more, everybody's seats are among the items that the split takes: it
 * is the one wanted. A few repeats do, but each might leave out one worker only, so after some
 * the least t that reaches is searched for, which says at once who is left out. */
void crew_minmax_split_from(const double *cost, uint32_t n, uint64_t tasks,
                            const uint64_t *least, double *scratch, uint64_t *quota)
{
    enum { REPEATS = 6 };
    double *member_cost = scratch + n, *member = scratch + 2 * (size_t)n;
    uint32_t m = list_members(cost, n, least, 0, member_cost, member), before = n + 1;
    uint64_t left = tasks;
    for (int k = 0; m < before; k++) {
        if (k == REPEATS) {
            double t = threshold_by_bisection(cost, n, tasks, least);
            m = list_members(cost, n, least, t, member_cost, member);
            left = tasks - seats_of_others(n, least, m, member);
        }
        (void)split_afresh(member_cost, m, left, scratch, quota);
        before = m;
        m = drop_those_below(m, least, quota, member_cost, member, &left);
    }
    for (uint32_t i = n; i-- > 0;) /* in place: a member's number is not below its index */
        quota[i] = m && (uint32_t)member[m - 1] == i ? quota[--m] : least[i];
}
