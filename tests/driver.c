/* The main() of a fuzz target where there is no libFuzzer: every seed of tests/corpus/NAME/,
 * each cut short at some places, then a number of mutations that depends on nothing but SEED.
 * FUZZ_ROUNDS=1000000 makes more of them. With arguments: these files only. */
#include "base/rng.h"
#include "fuzz.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_SEEDS = 512, MOST_BYTES = 1 << 20 };

static struct seed {
    char *name;
    uint8_t *bytes;
    size_t n;
} seeds[MOST_SEEDS];
static size_t n_seeds;
static uint64_t accepted;

/* ---- The input at hand, kept when it is the last one ---- */

static const uint8_t *at_hand;
static size_t at_hand_bytes;
static char kept[64];

/* By write() alone: it runs in a signal handler. */
static void keep_input(void)
{
    int fd = open(kept, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool whole = fd >= 0 && write(fd, at_hand, at_hand_bytes) == (ssize_t)at_hand_bytes;
    static const char text[] = "the input is kept in ";
    (void)!write(2, text, whole ? sizeof text - 1 : 0);
    (void)!write(2, kept, whole ? strlen(kept) : 0);
    (void)!write(2, "\n", whole);
    if (fd >= 0)
        close(fd);
}

static void on_signal(int number)
{
    keep_input();
    signal(number, SIG_DFL);
    raise(number);
}

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void watch_death(void)
{
    snprintf(kept, sizeof kept, "/tmp/crew-fuzz-%s.%ld", fuzz_target.name, (long)getpid());
    signal(SIGABRT, on_signal);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(keep_input);
        return;
    }
    signal(SIGSEGV, on_signal);
    signal(SIGBUS, on_signal);
    signal(SIGFPE, on_signal);
}

/* In a block of the input's very size, so that a sanitizer sees each step beyond. */
static bool run(const uint8_t *bytes, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    if (!exact)
        fuzz_fail("no memory for an input");
    memcpy(exact, bytes, n);
    at_hand = exact;
    at_hand_bytes = n;
    bool ok = fuzz_run(exact, n);
    free(exact);
    accepted += ok;
    return ok;
}

/* ---- Seeds ---- */

static void add_seed(const char *path, const char *name)
{
    struct seed *s = &seeds[n_seeds];
    FILE *f = fopen(path, "rb");
    if (n_seeds == MOST_SEEDS || !f || !(s->bytes = malloc(MOST_BYTES))) {
        fprintf(stderr, "%s: cannot be read, or is one too many\n", path);
        exit(1);
    }
    s->n = fread(s->bytes, 1, MOST_BYTES, f);
    s->name = strdup(name);
    uint8_t *less = realloc(s->bytes, s->n ? s->n : 1);
    s->bytes = less ? less : s->bytes;
    n_seeds++;
    fclose(f);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct seed *)a)->name, ((const struct seed *)b)->name);
}

static void find_seeds(void)
{
    char folder[128], path[512];
    snprintf(folder, sizeof folder, "tests/corpus/%s", fuzz_target.name);
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%.300s", folder, e->d_name);
        if (e->d_name[0] != '.')
            add_seed(path, e->d_name);
    }
    if (dir)
        closedir(dir);
    qsort(seeds, n_seeds, sizeof *seeds, by_name); /* the order of a folder is no one's */
}

/* ---- Mutations ---- */

static uint64_t seed, drawn;

static uint32_t draw(uint32_t below)
{
    return (uint32_t)(crew_rng_u64(seed, CREW_STREAM_TEST, 0, drawn++) % below);
}

/* One change of bytes [n] of at most cap; the new n. */
static size_t mutate(uint8_t *bytes, size_t n, size_t cap)
{
    static const char spice[] = "0123456789,;:\t\n\r\"'.-+e# (){}[]@*=\\/\x01\x7f\xff\x80\0";
    static const char *const words[] = {"null", "-1",  "1e999",  "18446744073709551615", "nan",
                                        "true", "{}",  "[]",     "4294967296",           "\"\"",
                                        "0",    "1e9", "\\u0000"};
    const struct seed *other = &seeds[draw((uint32_t)n_seeds)];
    const char *word = words[draw(sizeof words / sizeof *words)];
    size_t at = n ? draw((uint32_t)n) : 0, length = strlen(word), piece = 1 + draw(8);
    switch (n ? draw(9) : 5) {
    case 0:
        bytes[at] = (uint8_t)draw(256);
        return n;
    case 1:
        bytes[at] = (uint8_t)spice[draw(sizeof spice - 1)];
        return n;
    case 2:
        bytes[at] ^= (uint8_t)(1u << draw(8));
        return n;
    case 3: /* cut a piece out */
        piece = piece < n - at ? piece : n - at;
        memmove(bytes + at, bytes + at + piece, n - at - piece);
        return n - piece;
    case 4: /* double a piece */
        piece = piece * piece < n - at ? piece * piece : n - at;
        if (n + piece > cap)
            return n;
        memmove(bytes + at + piece, bytes + at, n - at);
        return n + piece;
    case 5: /* put a word in */
        if (n + length > cap)
            return n;
        memmove(bytes + at + length, bytes + at, n - at);
        memcpy(bytes + at, word, length);
        return n + length;
    case 6: /* write a word over */
        length = length < n - at ? length : n - at;
        memcpy(bytes + at, word, length);
        return n;
    case 7: /* go on as another seed does */
        if (at >= other->n || other->n > cap)
            return n;
        memcpy(bytes + at, other->bytes + at, other->n - at);
        return other->n;
    default: /* end early */
        return draw(4) ? n : at;
    }
}

static uint64_t number_of(const char *name, uint64_t without)
{
    const char *s = getenv(name);
    return s ? strtoull(s, NULL, 10) : without;
}

static void run_mutations(uint64_t rounds)
{
    static uint8_t bytes[1 << 16];
    size_t cap = fuzz_target.longest && fuzz_target.longest < sizeof bytes ? fuzz_target.longest
                                                                           : sizeof bytes;
    for (uint64_t i = 0; i < rounds; i++) {
        const struct seed *from = &seeds[draw((uint32_t)n_seeds)];
        size_t n = from->n < cap ? from->n : cap;
        memcpy(bytes, from->bytes, n);
        for (uint32_t k = 1 + draw(4); k > 0; k--)
            n = mutate(bytes, n, cap);
        run(bytes, n);
    }
}

static void run_cut(const struct seed *s)
{
    size_t step = s->n / 40 + 1;
    for (size_t n = 0; n < s->n; n += step)
        run(s->bytes, n);
}

int main(int argc, char **argv)
{
    uint64_t rounds = number_of("FUZZ_ROUNDS", 2000), whole = 0;
    seed = number_of("SEED", 1);
    watch_death();
    for (int i = 1; i < argc; i++)
        add_seed(argv[i], argv[i]);
    if (argc == 1)
        find_seeds();
    for (size_t i = 0; i < n_seeds; i++)
        whole += run(seeds[i].bytes, seeds[i].n);
    if (argc == 1 && !whole) {
        fprintf(stderr, "tests/corpus/%s has no input that is accepted\n", fuzz_target.name);
        return 1;
    }
    for (size_t i = 0; i < n_seeds && argc == 1; i++)
        run_cut(&seeds[i]);
    rounds /= fuzz_target.slow ? fuzz_target.slow : 1;
    if (argc == 1)
        run_mutations(rounds);
    printf(
        "SEED=%llu: %zu seeds, %llu of them accepted; %llu mutations; %llu accepted in all; at "
        "most %.0f %% of the memory allowed\n",
        (unsigned long long)seed, n_seeds, (unsigned long long)whole,
        (unsigned long long)(argc == 1 ? rounds : 0), (unsigned long long)accepted,
        100 * fuzz_peak());
    for (size_t i = 0; i < n_seeds; i++) {
        free(seeds[i].name);
        free(seeds[i].bytes);
    }
    return 0;
}
