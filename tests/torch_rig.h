/* Asking PyTorch, for the tests that compare with it. */
#ifndef CREW_TESTS_TORCH_RIG_H
#define CREW_TESTS_TORCH_RIG_H

#include "testing.h"
#include <sys/wait.h>
#include <unistd.h>

/* Exit status of argv[0], -1: it was killed. Python finds its modules by that name: it must be
 * the right one. */
static int torch_run(char **argv)
{
    int status = -1;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The first python3 that has torch, or NULL, which is told. */
static char *torch_python(void)
{
    static char first[] = "python3", second[] = "/usr/bin/python3", c[] = "-c",
                probe[] =
                    "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)";
    char *first_argv[] = {first, c, probe, NULL}, *second_argv[] = {second, c, probe, NULL};
    char *found = torch_run(first_argv) == 0    ? first
                  : torch_run(second_argv) == 0 ? second
                                                : NULL;
    if (!found)
        printf("skip: python3-torch is not installed\n");
    return found;
}

#endif
