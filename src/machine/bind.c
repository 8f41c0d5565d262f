#include "machine/bind.h"
#include "base/error.h"
#include "machine/topology.h"
#include <errno.h>
#include <sched.h>
#include <string.h>

crew_status crew_bind_parse(const char *text, enum crew_bind *out, struct crew_error *err)
{
    static const char *const modes[] = {"prefer", "strict", "none"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, modes[i])) {
            *out = (enum crew_bind)i;
            return CREW_OK;
        }
    return crew_fail(err, CREW_EINVAL, "bind is '%.32s', must be prefer, strict or none", text);
}

int crew_bind_cpu(void)
{
    return sched_getcpu();
}

/* The calling thread's mask is exactly this CPU. scratch is overwritten. */
static bool mask_is(hwloc_topology_t topology, uint32_t cpu, hwloc_bitmap_t scratch)
{
    return !hwloc_get_cpubind(topology, scratch, HWLOC_CPUBIND_THREAD) &&
           hwloc_bitmap_weight(scratch) == 1 && hwloc_bitmap_isset(scratch, cpu);
}

bool crew_bind_holds(const crew_machine *m, uint32_t slot)
{
    hwloc_bitmap_t set = m->info.this_system ? hwloc_bitmap_alloc() : NULL;
    bool holds = set && mask_is(m->topology, m->slot[slot].cpu, set);
    hwloc_bitmap_free(set);
    return holds;
}

/* hwloc allows binding by several threads at once: the topology is not written to. */
crew_status crew_bind_self(const crew_machine *m, uint32_t slot, struct crew_error *err)
{
    uint32_t cpu = m->slot[slot].cpu;
    /* hwloc would return success here, having done nothing */
    if (!m->info.this_system)
        return crew_fail(err, CREW_EBIND,
                         "the machine is described by %s, no thread can be bound to its CPU %u",
                         m->described_by, cpu);
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    if (!set || hwloc_bitmap_only(set, cpu)) {
        hwloc_bitmap_free(set);
        return crew_fail(err, CREW_ENOMEM, "no memory for a set of CPUs");
    }
    int failed =
        hwloc_set_cpubind(m->topology, set, HWLOC_CPUBIND_THREAD | HWLOC_CPUBIND_STRICT);
    int why = errno;
    bool holds = !failed && mask_is(m->topology, cpu, set);
    hwloc_bitmap_free(set);
    if (failed)
        return crew_fail(err, CREW_EBIND, "a thread cannot be bound to CPU %u: %s", cpu,
                         why == EINVAL  ? "offline, or not allowed by the control group"
                         : why == EPERM ? "not permitted"
                                        : "not supported by this system");
    if (!holds)
        return crew_fail(err, CREW_EBIND,
                         "a thread was bound to CPU %u, but its mask is another", cpu);
    int now = crew_bind_cpu();
    if (now >= 0 && (uint32_t)now != cpu)
        return crew_fail(err, CREW_EBIND, "a thread was bound to CPU %u, but runs on CPU %d",
                         cpu, now);
    return CREW_OK;
}

/* No portable call reaches these control registers, and a run-time choice would still have to
 * be compiled for one processor: the one place with conditional code. */
#if defined(__SSE__)
#include <xmmintrin.h>

void crew_fpu_flush(void)
{
    _mm_setcsr(_mm_getcsr() |
               0x8040u); /* MXCSR: FTZ (bit 15), DAZ (bit 6); Intel SDM 1, 10.2.3 */
}
#elif defined(__aarch64__)
void crew_fpu_flush(void)
{
    uint64_t fpcr;
    __asm__("mrs %0, fpcr" : "=r"(fpcr));
    fpcr |= UINT64_C(1) << 24; /* FZ: operands and results; Arm ARM, "FPCR" */
    __asm__("msr fpcr, %0" : : "r"(fpcr));
}
#else
void crew_fpu_flush(void)
{
}
#endif
