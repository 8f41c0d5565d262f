/* Texts that are made from the tables of all commands. */
#ifndef CREW_CLI_GENERATE_H
#define CREW_CLI_GENERATE_H

#include "cli/cli.h"

void print_manual_page(FILE *to);       /* crew(1), roff */
void print_completion_script(FILE *to); /* for bash */

#endif
