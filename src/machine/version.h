#ifndef CREW_MACHINE_VERSION_H
#define CREW_MACHINE_VERSION_H

const char *crew_hwloc_version(void); /* that the library was built with: "2.9.0" */

#endif
