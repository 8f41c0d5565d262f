/* Lists as they are typed: "greedy,ata:width=2,alpha=3" and "1,2,3". */
#ifndef CREW_STUDY_LISTS_H
#define CREW_STUDY_LISTS_H

#include <crew/status.h>
#include <stddef.h>
#include <stdint.h>

struct crew_policy_list {
    size_t n;
    char **name; /* [n] each NAME[:SETTINGS] */
    char *text;  /* what they point into */
};

/* Split at commas; a piece SETTING=VALUE goes on with the settings of the policy before it. All
 * names are known then, their settings are not looked at. CREW_EINVAL, CREW_ENOMEM; free it in
 * any case. */
CREW_CHECKED crew_status crew_policy_list_parse(const char *text, struct crew_policy_list *out,
                                                struct crew_error *err);
/* The same; `more` is a name, too. */
CREW_CHECKED crew_status crew_policy_list_parse_with(const char *text, const char *more,
                                                     struct crew_policy_list *out,
                                                     struct crew_error *err);
/* "all" is among the names: in *out, for crew_free(), every policy, the one with its settings
 * that training takes unasked, and what else is named. Else NULL. CREW_ENOMEM. */
CREW_CHECKED crew_status crew_policy_list_all(const char *text, char **out,
                                              struct crew_error *err);
void crew_policy_list_free(struct crew_policy_list *list);

/* Different whole numbers; *out is the caller's, by crew_free(). CREW_EINVAL, CREW_ENOMEM. */
CREW_CHECKED crew_status crew_seeds_parse(const char *text, uint64_t **out, size_t *n,
                                          struct crew_error *err);

#endif
