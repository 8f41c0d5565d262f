/* A claim is an abstract Unix socket with the core's name: the kernel keeps names unique, drops
 * them with the process however it ends, and no file is left behind (unix(7)). */
#include "machine/claim.h"
#include "base/mem.h"
#include "machine/topology.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct crew_claim {
    uint32_t n; /* sockets held */
    int fd[];
};

/* Descriptors we may keep: a quarter of those allowed, the rest is for our files and the
 * caller. */
static uint32_t descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur / 4 > UINT32_MAX)
        return UINT32_MAX;
    return (uint32_t)(limit.rlim_cur / 4);
}

/* The socket that holds a core, by its lowest CPU; -1 with errno. */
static int claim_core(uint32_t cpu)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char *abstract = name.sun_path + 1; /* behind the NUL that makes it abstract */
    int len = snprintf(abstract, sizeof name.sun_path - 1, "crew/core/%u", cpu);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || !bind(fd, (const struct sockaddr *)&name, size))
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

bool crew_claim_taken(uint32_t cpu)
{
    int fd = claim_core(cpu);
    bool taken = fd < 0 && errno == EADDRINUSE;
    if (fd >= 0)
        close(fd);
    return taken;
}

crew_status crew_claim_create(const crew_machine *m, const uint32_t *slot, uint32_t n,
                              crew_claim **out, uint32_t *n_taken, struct crew_error *err)
{
    uint32_t most = n < descriptors() ? n : descriptors();
    crew_claim *c = crew_zalloc(sizeof *c + n * sizeof c->fd[0]);
    bool *seen = crew_zalloc(m->info.cores * sizeof *seen);
    *out = NULL;
    *n_taken = 0;
    if (!c || !seen) {
        crew_free(seen);
        crew_free(c);
        return crew_fail(err, CREW_ENOMEM, "no memory to claim %u cores", n);
    }
    for (uint32_t i = 0; i < n && m->info.this_system && c->n < most; i++) {
        uint32_t core = m->slot[slot[i]].core;
        if (seen[core])
            continue;
        seen[core] = true;
        int fd = claim_core(m->core_cpu[core]);
        if (fd >= 0)
            c->fd[c->n++] = fd;
        else if (errno == EADDRINUSE)
            ++*n_taken;
        else
            break; /* no descriptors or no such sockets: nothing will change for the next core
                    */
    }
    crew_free(seen);
    *out = c;
    return CREW_OK;
}

void crew_claim_destroy(crew_claim *c)
{
    for (uint32_t i = 0; c && i < c->n; i++)
        close(c->fd[i]);
    crew_free(c);
}
