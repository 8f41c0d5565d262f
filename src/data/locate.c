#include "data/locate.h"
#include "base/error.h"
#include "base/mem.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MAX_PATH = 4096 };

/* ---- what a file's name says ---- */

/* Length of the word that starts at s; words are what stands between - _ . and blanks. */
static size_t word_length(const char *s)
{
    return strcspn(s, "-_. ");
}

/* Is one of the words of `name` among the blank-separated `words`? */
static bool has_word(const char *name, const char *words)
{
    for (const char *s = name; *s; s += word_length(s), s += *s != '\0') {
        size_t n = word_length(s);
        for (const char *w = words; *w && n; w += word_length(w), w += *w != '\0') {
            if (word_length(w) == n && strncasecmp(s, w, n) == 0)
                return true;
        }
    }
    return false;
}

static const char *const part_words[CREW_PARTS] = {
    [CREW_PART_TRAIN] = "train training",
    [CREW_PART_VALIDATION] = "validation valid val dev",
    [CREW_PART_TEST] = "test t10k",
};
static const char array_words[] = "npy ubyte idx2 idx3 idx4";
static const char row_words[] = "images features data x";

/* Part of a data file in a folder, or CREW_PARTS: it is no such file. A file that names no part
 * has the training rows, if it is alone. */
static enum crew_part part_of(const char *name, bool *named)
{
    const char *text = "csv tsv libsvm svm";
    bool array = has_word(name, array_words);
    *named = true;
    if (name[0] == '.' || (array && !has_word(name, row_words)))
        return CREW_PARTS;
    for (int p = 0; p < CREW_PARTS; p++) {
        if (has_word(name, part_words[p]) &&
            (array || has_word(name, text) || has_word(name, "txt data bin")))
            return (enum crew_part)p;
    }
    *named = false;
    return array || has_word(name, text) ? CREW_PART_TRAIN : CREW_PARTS;
}

/* Write to out `path` with the whole word `from` of its last component replaced by `to`, and
 * "idx3" by "idx1". false: the word is not there, or the result is too long. */
static bool replace_word(const char *path, const char *from, const char *to, char out[MAX_PATH])
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t used = (size_t)(name - path);
    bool found = false;
    if (used >= MAX_PATH)
        return false;
    memcpy(out, path, used);
    for (const char *s = name; *s;) {
        size_t n = word_length(s), copied = n;
        const char *word = s;
        if (!found && n == strlen(from) && memcmp(s, from, n) == 0) {
            found = true;
            word = to;
            copied = strlen(to);
        } else if (n == 4 && memcmp(s, "idx", 3) == 0) {
            word = "idx1";
        }
        size_t delimiter = s[n] != '\0';
        if (used + copied + delimiter >= MAX_PATH)
            return false;
        memcpy(out + used, word, copied);
        memcpy(out + used + copied, s + n, delimiter);
        used += copied + delimiter;
        s += n + delimiter;
    }
    out[used] = '\0';
    return found;
}

/* The file of labels that belongs to a file of images or features, by its name; packed or not.
 */
static bool find_labels(const char *path, char out[MAX_PATH])
{
    static const char *const twin[][2] = {{"images", "labels"},
                                          {"features", "labels"},
                                          {"data", "labels"},
                                          {"features", "targets"},
                                          {"x", "y"},
                                          {"X", "y"},
                                          {"X", "Y"}};
    const char *slash = strrchr(path, '/');
    if (!has_word(slash ? slash + 1 : path, array_words))
        return false;
    for (size_t i = 0; i < sizeof twin / sizeof *twin; i++) {
        if (!replace_word(path, twin[i][0], twin[i][1], out))
            continue;
        size_t n = strlen(out);
        if (access(out, F_OK) == 0)
            return true;
        if (n > 3 && strcmp(out + n - 3, ".gz") == 0)
            out[n - 3] = '\0';
        else if (n + 3 < MAX_PATH)
            memcpy(out + n, ".gz", 4);
        if (access(out, F_OK) == 0)
            return true;
    }
    return false;
}

/* ---- files, folders, names ---- */

static crew_status take_file(struct crew_located *l, enum crew_part part, const char *path,
                             struct crew_error *err)
{
    char labels[MAX_PATH];
    bool apart = find_labels(path, labels);
    l->rows[part] = crew_strdup(path);
    l->labels[part] = apart ? crew_strdup(labels) : NULL;
    if (!l->rows[part] || (apart && !l->labels[part]))
        return crew_fail(err, CREW_ENOMEM, "not enough memory for the name of %s", path);
    return CREW_OK;
}

static crew_status ambiguous(const char *folder, const char *a, const char *b,
                             struct crew_error *err)
{
    bool swap = strcmp(a, b) > 0; /* the order of a folder's entries is no one's */
    return crew_fail(err, CREW_EFORMAT, "%s holds both %s and %s: name the file that is meant",
                     folder, swap ? b : a, swap ? a : b);
}

enum { BATCHES = 1000 };
static const char batch_name[] = "data_batch_";

/* What a folder holds. */
struct contents {
    char part[CREW_PARTS][NAME_MAX + 1]; /* file that says so, or "" */
    char other[NAME_MAX + 1];            /* one that names no part, or "" */
    const char *batch[BATCHES];          /* ending of data_batch_N, or NULL; 0 is none */
    uint32_t last;                       /* greatest N, 0: none */
};

/* Number of data_batch_N.bin or .bin.gz, as CIFAR-10 comes, and the ending; 0: it is no such
 * file. */
static uint32_t batch_of(const char *name, const char **ending)
{
    static const char *const endings[] = {".bin", ".bin.gz"};
    uint32_t n = 0;
    if (strncmp(name, batch_name, strlen(batch_name)) != 0)
        return 0;
    const char *p = name + strlen(batch_name);
    for (bool leading = *p == '0'; !leading && *p >= '0' && *p <= '9' && n < BATCHES; p++)
        n = n * 10 + (uint32_t)(*p - '0');
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (strcmp(p, endings[i]) == 0) {
            *ending = endings[i];
            return n < BATCHES ? n : 0;
        }
    }
    return 0;
}

/* All files that look like data must have a place: guessing here would train on the wrong rows.
 */
static crew_status note_file(struct contents *c, const char *folder, const char *name,
                             struct crew_error *err)
{
    const char *ending;
    bool named;
    uint32_t number = batch_of(name, &ending);
    if (number) {
        char twin[64];
        snprintf(twin, sizeof twin, "%s%u%s", batch_name, number,
                 c->batch[number] ? c->batch[number] : "");
        if (c->batch[number])
            return ambiguous(folder, twin, name, err);
        c->batch[number] = ending;
        c->last = number > c->last ? number : c->last;
        return CREW_OK;
    }
    enum crew_part part = part_of(name, &named);
    if (part == CREW_PARTS)
        return CREW_OK;
    char *at = named ? c->part[part] : c->other;
    if (*at)
        return ambiguous(folder, at, name, err);
    memcpy(at, name, strlen(name) + 1);
    return CREW_OK;
}

static crew_status join_path(const char *folder, const char *name, char out[MAX_PATH],
                             struct crew_error *err)
{
    if ((size_t)snprintf(out, MAX_PATH, "%s/%s", folder, name) >= MAX_PATH)
        return crew_fail(err, CREW_EINPUT, "a path in %.200s is too long", folder);
    return CREW_OK;
}

/* Numbered files are one set, and none of them may be missing. */
static crew_status take_batches(const struct contents *c, const char *folder,
                                struct crew_located *l, struct crew_error *err)
{
    char path[MAX_PATH], name[64];
    const uint32_t part = CREW_PART_TRAIN;
    l->more[part] = crew_zalloc(c->last * sizeof *l->more[part]);
    if (!l->more[part])
        return crew_fail(err, CREW_ENOMEM, "not enough memory for the names in %s", folder);
    for (uint32_t i = 1; i <= c->last; i++) {
        snprintf(name, sizeof name, "%s%u%s", batch_name, i,
                 c->batch[i] ? c->batch[i] : ".bin");
        if (!c->batch[i])
            return crew_fail(err, CREW_EINPUT, "%s lacks %s: it has batches up to %u", folder,
                             name, c->last);
        TRY(join_path(folder, name, path, err));
        if (i == 1) {
            TRY(take_file(l, part, path, err));
            continue;
        }
        char *copy = l->more[part][l->n_more[part]] = crew_strdup(path);
        if (!copy)
            return crew_fail(err, CREW_ENOMEM, "not enough memory for the name of %s", path);
        l->n_more[part]++;
    }
    return CREW_OK;
}

/* Exactly one file a part, or its numbered files. */
static crew_status take_contents(const struct contents *c, const char *folder,
                                 struct crew_located *l, struct crew_error *err)
{
    const char *train = *c->other ? c->other : c->part[CREW_PART_TRAIN];
    if (*c->other && *c->part[CREW_PART_TRAIN])
        return ambiguous(folder, c->other, c->part[CREW_PART_TRAIN], err);
    if (*train && c->last)
        return crew_fail(err, CREW_EFORMAT,
                         "%s holds both %s and %sN.bin: name the file that is meant", folder,
                         train, batch_name);
    if (c->last)
        TRY(take_batches(c, folder, l, err));
    else if (!*train)
        return crew_fail(err, CREW_EINPUT,
                         "%s holds no training data (train.csv, train-images-idx3-ubyte, "
                         "x_train.npy, data_batch_1.bin or the like)",
                         folder);
    for (int p = 0; p < CREW_PARTS; p++) {
        const char *name = p == CREW_PART_TRAIN ? train : c->part[p];
        char path[MAX_PATH];
        if (!*name)
            continue;
        TRY(join_path(folder, name, path, err));
        TRY(take_file(l, (enum crew_part)p, path, err));
    }
    return CREW_OK;
}

static crew_status scan(DIR *dir, const char *folder, struct crew_located *l,
                        struct crew_error *err)
{
    struct contents *c = crew_zalloc(sizeof *c);
    crew_status status = CREW_OK;
    if (!c)
        return crew_fail(err, CREW_ENOMEM, "not enough memory for the names in %s", folder);
    errno = 0;
    for (struct dirent *e; status == CREW_OK && (e = readdir(dir)); errno = 0)
        status = note_file(c, folder, e->d_name, err);
    if (status == CREW_OK && errno) /* what was seen may look like a whole set */
        status = crew_fail(err, CREW_EINPUT, "cannot read %s: %s", folder, strerror(errno));
    if (status == CREW_OK)
        status = take_contents(c, folder, l, err);
    crew_free(c);
    return status;
}

static crew_status take_path(struct crew_located *l, const char *path, struct crew_error *err)
{
    DIR *dir = opendir(path);
    if (!dir && errno != ENOTDIR && errno != ENOENT)
        return crew_fail(err, CREW_EINPUT, "cannot open %s: %s", path, strerror(errno));
    if (!dir)
        return take_file(l, CREW_PART_TRAIN, path,
                         err); /* a missing file is told by who opens it */
    crew_status status = scan(dir, path, l, err);
    closedir(dir);
    return status;
}

/* A word that is no file: what might have been meant? */
static crew_status unknown_name(const char *data, struct crew_error *err)
{
    const char *names[32], *nearest;
    size_t n = 0;
    for (const struct crew_dataset_entry *e; n < 32 && (e = crew_dataset_at(n)); n++)
        names[n] = e->name;
    nearest = crew_option_nearest(data, names, n);
    return crew_fail(err, CREW_EINPUT, "%s is neither a file nor the name of a data set%s%s%s",
                     data, nearest ? "; did you mean " : "", nearest ? nearest : "",
                     nearest ? "?" : "");
}

crew_status crew_locate(const char *data, struct crew_located *out, struct crew_error *err)
{
    char path[MAX_PATH];
    *out = (struct crew_located){0};
    const struct crew_dataset_entry *e;
    for (size_t i = 0; (e = crew_dataset_at(i)) && strcmp(e->name, data) != 0; i++)
        ;
    crew_status status;
    if (e && crew_dataset_path(e, path, sizeof path)) {
        out->entry = e;
        status = take_path(out, path, err);
    } else if (e) {
        status =
            crew_fail(err, CREW_EINPUT,
                      e->bundled ? "the data set %s is not here: set CREW_DATASETS to the "
                                   "folder datasets of crew's sources"
                                 : "the data set %s is not here: run datasets/fetch.sh %s, or "
                                   "set CREW_DATASETS to the folder that has it",
                      data, data);
    } else if (strcmp(data, "-") != 0 && access(data, F_OK) != 0 && !strpbrk(data, "/.")) {
        status = unknown_name(data, err);
    } else {
        status = take_path(out, data, err);
    }
    if (status != CREW_OK)
        crew_located_free(out);
    return status;
}

void crew_located_swap(struct crew_located *a, enum crew_part p, struct crew_located *b,
                       enum crew_part q)
{
    char *rows = a->rows[p], **more = a->more[p], *labels = a->labels[p];
    uint32_t n_more = a->n_more[p];
    a->rows[p] = b->rows[q];
    a->more[p] = b->more[q];
    a->n_more[p] = b->n_more[q];
    a->labels[p] = b->labels[q];
    b->rows[q] = rows;
    b->more[q] = more;
    b->n_more[q] = n_more;
    b->labels[q] = labels;
}

void crew_located_free(struct crew_located *l)
{
    for (int p = 0; p < CREW_PARTS; p++) {
        crew_free(l->rows[p]);
        crew_free(l->labels[p]);
        for (uint32_t i = 0; i < l->n_more[p]; i++)
            crew_free(l->more[p][i]);
        crew_free(l->more[p]);
    }
    *l = (struct crew_located){0};
}
