/* hold THREAD LIBRARY FILE LINES COMMAND [ARGS...]: run a command, and stop one of its threads
 * for good while it computes: once FILE has so many lines, the thread of that name, as soon as
 * its program counter is in a mapping whose path has LIBRARY in it. The others run on. Exits as
 * the command does; 77 where no thread may be stopped. A parent may trace its child without
 * being root: ptrace(2). */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static const useconds_t PAUSE_US = 1000;

/* The first line of /proc/PID/task/TID/NAME, or "". */
static void read_line(pid_t pid, pid_t tid, const char *name, char *line, int cap)
{
    char path[80];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, name);
    FILE *f = fopen(path, "r");
    if (!f || !fgets(line, cap, f))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (f)
        fclose(f);
}

static pid_t find_thread(pid_t pid, const char *wanted)
{
    char path[40], name[32];
    pid_t found = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        read_line(pid, atoi(e->d_name), "comm", name, sizeof name);
        found = strcmp(name, wanted) ? 0 : atoi(e->d_name);
    }
    if (d)
        closedir(d);
    return found;
}

/* Of a thread that is stopped: the last number of "NR ARGS... SP PC", or of "-1 SP PC". */
static unsigned long long program_counter(pid_t pid, pid_t tid)
{
    char line[256];
    read_line(pid, tid, "syscall", line, sizeof line);
    const char *last = strrchr(line, ' ');
    return last ? strtoull(last, NULL, 16) : 0;
}

static bool is_in(pid_t pid, unsigned long long pc, const char *library)
{
    char path[40], line[600];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *f = fopen(path, "r");
    while (f && !found && fgets(line, sizeof line, f)) {
        unsigned long long from, to;
        found = sscanf(line, "%llx-%llx", &from, &to) == 2 && pc >= from && pc < to &&
                strstr(line, library);
    }
    if (f)
        fclose(f);
    return found;
}

static int give_up(pid_t pid, const char *what)
{
    fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
    kill(pid, 9);
    while (waitpid(-1, NULL, __WALL) > 0)
        ;
    return 77;
}

static bool has_lines(const char *path, int lines)
{
    FILE *f = fopen(path, "r");
    for (int c; f && lines > 0 && (c = getc(f)) != EOF;)
        lines -= c == '\n';
    if (f)
        fclose(f);
    return f && lines <= 0;
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid;
}

/* 0: it is stopped there, or the command has ended. */
static int stop(pid_t pid, pid_t tid, const char *library)
{
    int status;
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL))
        return has_ended(pid) ? 0 : give_up(pid, "a thread cannot be traced");
    for (;;) {
        if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) || waitpid(tid, &status, __WALL) != tid ||
            !WIFSTOPPED(status))
            return 0;
        unsigned long long pc = program_counter(pid, tid);
        if (!pc)
            return give_up(pid, "a thread's program counter is not shown");
        if (is_in(pid, pc, library))
            return 0;
        ptrace(PTRACE_CONT, tid, NULL, NULL);
        usleep(PAUSE_US);
    }
}

int main(int argc, char **argv)
{
    int status, ended = 0;
    if (argc < 6)
        return 2;
    pid_t pid = fork(), tid = 0;
    if (pid == 0) {
        execvp(argv[5], argv + 5);
        _exit(127);
    }
    while (!has_ended(pid) &&
           !(has_lines(argv[3], atoi(argv[4])) && (tid = find_thread(pid, argv[1]))))
        usleep(PAUSE_US);
    if (tid && (status = stop(pid, tid, argv[2])))
        return status;
    /* A process is not gone before the tracer has seen its thread end. */
    for (pid_t who; (who = waitpid(-1, &status, __WALL)) > 0;)
        ended = who == pid ? status : ended;
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
}
