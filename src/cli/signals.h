/* What signals mean to a command: the first INT, TERM or HUP asks it to stop, the second leaves
 * at once with 128 + its number; USR1 asks a trainer for a checkpoint; BUS ends the command
 * with exit code 3 where it is a mapped file that was cut short or cannot be read. */
#ifndef CREW_CLI_SIGNALS_H
#define CREW_CLI_SIGNALS_H

#include <crew/crew.h>

/* BUS, from now on. */
void signals_watch_files(void);
/* The others, from now on. Signals that are ignored stay so: nohup, a shell's background jobs.
 */
void signals_watch(void);
/* Whom to stop, NULL: nobody now. One that was asked to stop before is stopped here. */
void signals_to(crew_trainer *t);
/* The number of the signal that asked to stop, 0: none did. */
int signals_caught(void);
/* Was USR1 sent since this was last asked? */
bool signals_save_asked(void);

#endif
