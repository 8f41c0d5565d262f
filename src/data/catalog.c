/* The data sets that go by a name. Origins and licences: datasets/README.md. */
#include <crew/dataset.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef CREW_DATADIR
#define CREW_DATADIR "/usr/local/share/crew/datasets"
#endif

static const struct crew_dataset_entry entries[] = {
    {.name = "digits",
     .file = "digits.csv.gz",
     .summary = "handwritten digits, 8 x 8 pixels",
     .rows = 1797,
     .height = 8,
     .width = 8,
     .depth = 1,
     .classes = 10,
     .bundled = true},
    {.name = "iris",
     .file = "iris.csv",
     .summary = "three kinds of iris by the size of their leaves",
     .rows = 150,
     .height = 1,
     .width = 4,
     .depth = 1,
     .classes = 3,
     .bundled = true},
    {.name = "wine",
     .file = "wine.csv",
     .summary = "three vineyards by the chemistry of their wine",
     .rows = 178,
     .height = 1,
     .width = 13,
     .depth = 1,
     .classes = 3,
     .bundled = true},
    {.name = "fashion-mnist",
     .file = "fashion-mnist",
     .summary = "pieces of clothing, 28 x 28 pixels",
     .rows = 60000,
     .test_rows = 10000,
     .height = 28,
     .width = 28,
     .depth = 1,
     .classes = 10},
    {.name = "cifar-10",
     .file = "cifar-10",
     .summary = "colour photographs of ten kinds of things, 32 x 32 pixels",
     .rows = 50000,
     .test_rows = 10000,
     .height = 32,
     .width = 32,
     .depth = 3,
     .classes = 10},
    {.name = "cifar-100",
     .file = "cifar-100",
     .summary = "colour photographs of a hundred kinds of things, 32 x 32 pixels",
     .rows = 50000,
     .test_rows = 10000,
     .height = 32,
     .width = 32,
     .depth = 3,
     .classes = 100},
    {.name = "letter",
     .file = "letter",
     .summary = "printed capital letters by 16 measures of their shape",
     .rows = 16000,
     .test_rows = 4000,
     .height = 1,
     .width = 16,
     .depth = 1,
     .classes = 26},
    {.name = "heart",
     .file = "heart.libsvm",
     .summary = "heart disease or none by 13 findings",
     .rows = 270,
     .height = 1,
     .width = 13,
     .depth = 1,
     .classes = 2},
};

const struct crew_dataset_entry *crew_dataset_at(size_t i)
{
    return i < sizeof entries / sizeof *entries ? &entries[i] : NULL;
}

bool crew_dataset_path(const struct crew_dataset_entry *entry, char *out, size_t cap)
{
    const char *chosen = getenv("CREW_DATASETS");
    const char *folder[] = {chosen && *chosen ? chosen : "datasets",
                            chosen && *chosen ? NULL : CREW_DATADIR};
    for (size_t i = 0; i < sizeof folder / sizeof *folder && folder[i]; i++) {
        int n = snprintf(out, cap, "%s/%s", folder[i], entry->file);
        if (n > 0 && (size_t)n < cap && access(out, R_OK) == 0)
            return true;
    }
    if (cap)
        *out = '\0';
    return false;
}
