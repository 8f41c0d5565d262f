/* Memory on a NUMA node of one's choice, and where memory lies. */
#ifndef CREW_MACHINE_PLACE_H
#define CREW_MACHINE_PLACE_H

#include <crew/machine.h>

/* bytes of untouched memory whose pages are taken from this node (OS number) while it has any;
 * NULL: none. Where the system refuses the wish they come from the node whose core touches them
 * first, so touch them there and ask crew_place_node(). Huge pages where there are some. Any
 * thread. */
void *crew_place_alloc(const crew_machine *m, int32_t node, size_t bytes);
void crew_place_free(const crew_machine *m, void *p, size_t bytes); /* NULL is fine */

/* Move the pages of [p, p + bytes) to this node; one that is shared with others goes with it.
 * False: the system refuses; what it does silently crew_place_node() tells. Any thread. */
bool crew_place_move(const crew_machine *m, int32_t node, void *p, size_t bytes);

/* Likewise to these nodes, in stripes by turns. */
bool crew_place_spread(const crew_machine *m, const int32_t *node, uint32_t n, void *p,
                       size_t bytes);

/* Node of the pages, all of which have been touched. CREW_PLACE_MIXED: of several;
 * CREW_PLACE_UNKNOWN: the system does not tell. Costs some 0.1 us a page of 4 KB. Any thread.
 */
enum { CREW_PLACE_MIXED = -2, CREW_PLACE_UNKNOWN = -1 };
int32_t crew_place_node(const crew_machine *m, const void *p, size_t bytes);

#endif
