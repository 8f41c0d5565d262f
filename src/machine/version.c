#include "machine/version.h"
#include <hwloc.h>

const char *crew_hwloc_version(void)
{
    return HWLOC_VERSION;
}
