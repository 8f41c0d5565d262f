/* Machines described by the environment, for the tests of src/machine/. After cmocka.h. */
#ifndef CREW_TESTS_DESCRIBED_H
#define CREW_TESTS_DESCRIBED_H

#include <crew/machine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ODD "tests/topologies/odd.xml"
#define SPARSE "tests/topologies/sparse.xml"
#define STRANGE "tests/topologies/strange.xml"

static void describe(const char *synthetic, const char *xml)
{
    unsetenv("HWLOC_SYNTHETIC");
    unsetenv("HWLOC_XMLFILE");
    unsetenv("HWLOC_FSROOT");
    if (synthetic)
        setenv("HWLOC_SYNTHETIC", synthetic, 1);
    if (xml)
        setenv("HWLOC_XMLFILE", xml, 1);
}

static int real_machine(void **state)
{
    (void)state;
    describe(NULL, NULL);
    return 0;
}

static crew_machine *machine(const char *cores, bool smt, uint32_t at_most)
{
    struct crew_machine_request rq = {.cores = cores, .smt = smt, .at_most = at_most};
    struct crew_error err = {0};
    crew_machine *m = NULL;
    if (crew_machine_create(&rq, &m, &err) != CREW_OK)
        fail_msg("cores %s: %s", cores ? cores : "(none)", err.text);
    return m;
}

static bool noted(const struct crew_machine_info *info, const char *text)
{
    for (uint32_t i = 0; i < info->n_notes; i++)
        if (strstr(info->notes[i], text))
            return true;
    return false;
}

/* One cell of a "| a | b |" table row as a string to be freed; columns count from 0. */
static char *cell(const char *row, int column)
{
    for (int i = 0; row && i <= column; i++)
        row = strchr(row + (i > 0), '|');
    const char *end = row ? strchr(row + 1, '|') : NULL;
    if (!end)
        return NULL;
    row += 1 + strspn(row + 1, " ");
    while (end > row && end[-1] == ' ')
        end--;
    return strndup(row, (size_t)(end - row));
}

static unsigned number(const char *s)
{
    return (unsigned)strtoul(s, NULL, 10);
}

/* Describe each recorded machine in turn, and check it against its row of the table beside
 * them. */
static void for_recorded_machines(void (*check_row)(const char *row))
{
    const char *env = getenv("CREW_TOPOLOGIES");
    const char *folder = env ? env : "../shared/machines/topologies";
    char path[1024], *row = NULL;
    size_t cap = 0;
    unsigned checked = 0;
    snprintf(path, sizeof path, "%s/README.md", folder);
    FILE *f = fopen(path, "r");
    if (!f) {
        print_message("skip: no recorded machines at %s (CREW_TOPOLOGIES)\n", path);
        skip();
    }
    while (getline(&row, &cap, f) > 0) {
        char *file = cell(row, 0);
        size_t len = file ? strlen(file) : 0;
        if (len > 4 && strcmp(file + len - 4, ".xml") == 0) {
            snprintf(path, sizeof path, "%s/%s", folder, file);
            describe(NULL, path);
            print_message("  %s\n", file);
            check_row(row);
            checked++;
        }
        free(file);
    }
    free(row);
    fclose(f);
    assert_true(checked > 0);
}

#endif
