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
            (array || has_word(name, text) || has_word(name, "txt data")))
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

/* Exactly one file a part, and all files that look like data must be one of them: guessing here
 * would train on the wrong rows. */
static crew_status scan(DIR *dir, const char *folder, struct crew_located *l,
                        struct crew_error *err)
{
    char found[CREW_PARTS][NAME_MAX + 1] = {""}, other[NAME_MAX + 1] = "";
    for (struct dirent *e; (e = readdir(dir));) {
        bool named;
        enum crew_part part = part_of(e->d_name, &named);
        if (part == CREW_PARTS)
            continue;
        if (*found[part] && named)
            return ambiguous(folder, found[part], e->d_name, err);
        if (named)
            memcpy(found[part], e->d_name, strlen(e->d_name) + 1);
        else if (*other)
            return ambiguous(folder, other, e->d_name, err);
        else
            memcpy(other, e->d_name, strlen(e->d_name) + 1);
    }
    if (*other && *found[CREW_PART_TRAIN])
        return ambiguous(folder, other, found[CREW_PART_TRAIN], err);
    const char *train = *other ? other : found[CREW_PART_TRAIN];
    if (!*train)
        return crew_fail(err, CREW_EINPUT,
                         "%s holds no training data (train.csv, train-images-idx3-ubyte, "
                         "x_train.npy or the like)",
                         folder);
    for (int p = 0; p < CREW_PARTS; p++) {
        const char *name = p == CREW_PART_TRAIN ? train : found[p];
        char path[MAX_PATH];
        if (!*name)
            continue;
        if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
            return crew_fail(err, CREW_EINPUT, "a path in %.200s is too long", folder);
        TRY(take_file(l, (enum crew_part)p, path, err));
    }
    return CREW_OK;
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

void crew_located_free(struct crew_located *l)
{
    for (int p = 0; p < CREW_PARTS; p++) {
        crew_free(l->rows[p]);
        crew_free(l->labels[p]);
    }
    *l = (struct crew_located){0};
}
