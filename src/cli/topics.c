/* What `crew help` explains beside the commands. */
#include "cli/cli.h"
#include "study/simulate.h"
#include <string.h>

enum { FORM = 30 }; /* column of what a law is */

/* Each law's summary is its form, a colon, and what it is. */
static void print_laws(FILE *to)
{
    const struct crew_entry *law;
    for (size_t i = 0; (law = crew_simulation_law_at(i)); i++) {
        char head[64];
        const char *what = strstr(law->summary, ": ");
        int n = what ? (int)(what - law->summary) : (int)strlen(law->summary);
        snprintf(head, sizeof head, "  %.*s", n, law->summary);
        print_entry(to, head, FORM, what ? what + 2 : "");
    }
}

static void print_speeds(FILE *to)
{
    fputs("speeds: how long a task takes on each simulated worker\n"
          "\n"
          "  GROUP GROUP ...             workers in the order of their groups\n"
          "\n"
          "A GROUP is LAW, one worker, or COUNT*LAW, so many of that law. A LAW is one of\n"
          "\n",
          to);
    print_laws(to);
    fputs("\n"
          "or TIME+LAW, for a constant and what the law adds to it. A replay brings as many\n"
          "workers as were recorded, and has no COUNT and no TIME before it.\n"
          "\n"
          "A TIME is a number and ns, us, ms, s or min; without a unit it is in seconds.\n"
          "\n"
          "Laws may change in time: LAW@FROM..TO,LAW@FROM.. in place of one LAW. FROM and\n"
          "TO are both rounds, which are counted from 1, or both times with a unit. A law\n"
          "holds from FROM on and no longer at TO, where the next one begins; the first one\n"
          "holds from 0, the last one has no TO.\n"
          "\n"
          "examples\n"
          "  1ms                                         one worker, always 1 ms\n"
          "  4*1ms 12*exp(1ms,2ms)                       4 steady workers, 12 noisy ones\n"
          "  8*lognormal(10ms,0.3) 2*30ms+gamma(2,5ms)\n"
          "  2*1ms@0..500,4ms@500..                      slower from round 500 on\n"
          "  1ms@0s..10s,4ms@10s..                       slower after 10 seconds\n"
          "  replay(tasks.csv)                           as crew train --log-tasks saw it\n"
          "\n"
          "crew sim --speeds \"4*1ms 12*exp(1ms,2ms)\" --batch-tasks 32\n"
          "crew train --executor sim --speeds \"4*1ms 12*exp(1ms,2ms)\"\n",
          to);
}

const struct help_topic help_topics[] = {
    {"speeds", "how long a task takes on each simulated worker", print_speeds},
    {0},
};

const struct help_topic *find_help_topic(const char *name)
{
    const struct help_topic *t = help_topics;
    while (t->name && strcmp(t->name, name))
        t++;
    return t->name ? t : NULL;
}
