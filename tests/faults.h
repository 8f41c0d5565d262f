/* Between the two halves of the tests' failures: faultcalls.c has the calls, faults.c the
 * tries. */
#ifndef CREW_TESTS_FAULTS_H
#define CREW_TESTS_FAULTS_H

#include "fault.h"
#include <stdatomic.h>

enum { FAULT_DEPTH = 24 };

/* What is to fail, and what did. Set while nothing is watched. */
struct fault {
    _Atomic bool watched;
    enum fault_group group;
    unsigned long at; /* the call that fails, from 1; 0: none */
    bool on;          /* and all after it */
    bool json_grows;  /* see struct fault_scenario */
    atomic_ulong calls;
    _Atomic(const char *) failed; /* the first one that did, or NULL */
    void *trace[FAULT_DEPTH];     /* of that call */
    int depth;
};
extern struct fault fault;

/* What was taken and not given back; asked for, it is forgotten. */
enum fault_kind { BLOCK, JSON_BLOCK, THREAD, TOPOLOGY, BITMAP, FAULT_KINDS };
struct fault_held {
    size_t n[FAULT_KINDS];
    void *by[FAULT_KINDS]; /* who took one of them */
};
void fault_held(struct fault_held *out);
size_t fault_descriptors(void);

/* jansson's memory comes from here. */
void fault_hold_json(void);

#endif
