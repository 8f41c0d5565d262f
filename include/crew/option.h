/** @file option.h
 * Tables of named settings. One table drives parsing, range errors, defaults, help and the echo
 * into logs, for command lines ("--batch-tasks 16") and for settings of a name
 * ("ata-empirical:eta=0.25"). */
#ifndef CREW_OPTION_H
#define CREW_OPTION_H

#include <crew/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a field holds. The field's C type stands beside each name. */
enum crew_option_type {
    CREW_OPTION_FLAG,   /**< bool; on a command line it takes no value; also "yes", "no", "1", "0" */
    CREW_OPTION_U32,    /**< uint32_t */
    CREW_OPTION_U64,    /**< uint64_t */
    CREW_OPTION_REAL,   /**< double, finite */
    CREW_OPTION_STRING, /**< const char *, borrowed from the caller of crew_option_set() */
    CREW_OPTION_END     /**< closes a table */
};

/** One setting. A table ends with an entry of type CREW_OPTION_END. */
struct crew_option {
    const char *name;           /**< as typed, "batch-tasks"; NULL in the closing entry */
    enum crew_option_type type;
    size_t offset;              /**< of the field in the struct it describes */
    double min, max;            /**< allowed range of numbers, inclusive; both 0: any */
    const char *value;          /**< the default, as it would be typed; NULL: none */
    const char *argument;       /**< what help calls the value, with its unit: "ROWS", "SECONDS" */
    const char *help;           /**< one line without a full stop */
    char letter;                /**< short form, or 0 */
    const char *zero;           /**< a word for the number 0, which min need not allow: "auto"; NULL: none */
};

/** Write every default into the struct at `base`. Numbers without a default become 0, strings NULL,
 *  flags false. Cannot fail: defaults are part of the table and a test checks them. */
CREW_API void crew_option_defaults(const struct crew_option *table, void *base);

/** Entry called `name` (n bytes; hyphens and underscores are the same), or NULL. */
CREW_API const struct crew_option *crew_option_find(const struct crew_option *table,
                                                    const char *name, size_t n);

/** Parse `value` whole, check its range, store it in the struct at `base`.
 *  CREW_EINVAL with a sentence that names option, value and range. */
CREW_CHECKED CREW_API crew_status crew_option_set(const struct crew_option *option,
                                                  const char *value, void *base,
                                                  struct crew_error *err);

/** Parse "alpha=0.02,width=2" into the struct at `base`; `what` names its owner in errors ("policy ata").
 *  NULL and "" change nothing. Unknown names are refused with a suggestion. No string settings. */
CREW_CHECKED CREW_API crew_status crew_option_settings(const struct crew_option *table,
                                                       const char *settings, const char *what,
                                                       void *base, struct crew_error *err);

/** Print the field of `option` as it would be typed into out (cap bytes, always terminated).
 *  Numbers come back exactly. Returns false when the field is unset (a NULL string). */
CREW_API int crew_option_show(const struct crew_option *option, const void *base, char *out,
                              size_t cap);

/** The name among `names` (n of them) nearest to `typed` by edit distance, or NULL when none is
 *  near enough to be what was meant. */
CREW_API const char *crew_option_nearest(const char *typed, const char *const *names, size_t n);

#ifdef __cplusplus
}
#endif
#endif
