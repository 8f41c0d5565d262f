#include "study/lists.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <crew/crew.h>
#include <crew/policy.h>
#include <string.h>

static size_t count_pieces(const char *text)
{
    size_t n = 1;
    for (; *text; text++)
        n += *text == ',';
    return n;
}

/* ---- Policies ---- */

static bool is_setting(const char *piece)
{
    return piece[strcspn(piece, ",:=")] == '=';
}

static void split(struct crew_policy_list *list)
{
    for (char *s = list->text, end = ','; end; s++) {
        size_t n = strcspn(s, ",");
        while (s[n] && is_setting(s + n + 1))
            n += 1 + strcspn(s + n + 1, ",");
        end = s[n];
        s[n] = '\0';
        list->name[list->n++] = s;
        s += n;
    }
}

static crew_status check_name(const char *spec, const char *more, struct crew_error *err)
{
    const char *names[32];
    size_t n = 0, length = crew_text_name(spec, NULL), comma = strcspn(spec, ",");
    if (crew_policy_find(spec) || (more && !strncmp(spec, more, length) && !more[length]))
        return CREW_OK;
    if (comma < length)
        return crew_fail(err, CREW_EINVAL,
                         "policy '%.64s': settings follow a colon, as in %.*s:%.48s", spec,
                         (int)(comma < 32 ? comma : 32), spec, spec + comma + 1);
    for (const struct crew_policy_ops *p; n < 31 && (p = crew_policy_at(n)); n++)
        names[n] = p->name;
    if (more)
        names[n++] = more;
    return crew_fail_unknown(err, "policy", spec, names, n);
}

crew_status crew_policy_list_parse_with(const char *text, const char *more,
                                        struct crew_policy_list *out, struct crew_error *err)
{
    *out = (struct crew_policy_list){0};
    out->text = crew_strdup(text);
    out->name = crew_zalloc(count_pieces(text) * sizeof *out->name);
    if (!out->text || !out->name)
        return crew_fail(err, CREW_ENOMEM, "no memory for the list of policies");
    split(out);
    for (size_t i = 0; i < out->n; i++)
        TRY(check_name(out->name[i], more, err));
    return CREW_OK;
}

crew_status crew_policy_list_parse(const char *text, struct crew_policy_list *out,
                                   struct crew_error *err)
{
    return crew_policy_list_parse_with(text, NULL, out, err);
}

void crew_policy_list_free(struct crew_policy_list *list)
{
    crew_free(list->name);
    crew_free(list->text);
}

static bool has_piece(const char *list, const char *piece, size_t n)
{
    for (const char *s = list; *s; s += strcspn(s, ","), s += *s == ',')
        if (strcspn(s, ",") == n && !memcmp(s, piece, n))
            return true;
    return false;
}

static void add_piece(char *list, const char *piece, size_t n)
{
    size_t at = strlen(list);
    if (at)
        list[at++] = ',';
    memcpy(list + at, piece, n);
    list[at + n] = '\0';
}

static void expand_all(const char *text, char *list)
{
    struct crew_config unasked;
    crew_config_init(&unasked);
    for (size_t i = 0; crew_policy_at(i); i++)
        add_piece(list, crew_policy_at(i)->name, strlen(crew_policy_at(i)->name));
    if (!has_piece(list, unasked.policy, strlen(unasked.policy)))
        add_piece(list, unasked.policy, strlen(unasked.policy));
    for (const char *s = text; *s; s += strcspn(s, ","), s += *s == ',') {
        size_t n = strcspn(s, ",");
        if (!has_piece(list, s, n) && !has_piece("all", s, n))
            add_piece(list, s, n);
    }
}

crew_status crew_policy_list_all(const char *text, char **out, struct crew_error *err)
{
    *out = NULL;
    if (!has_piece(text, "all", 3))
        return CREW_OK;
    size_t bytes = strlen(text) + 256; /* and the one that training takes */
    for (size_t i = 0; crew_policy_at(i); i++)
        bytes += strlen(crew_policy_at(i)->name) + 1;
    if (!(*out = crew_zalloc(bytes)))
        return crew_fail(err, CREW_ENOMEM, "no memory for the list of policies");
    expand_all(text, *out);
    return CREW_OK;
}

/* ---- Seeds ---- */

crew_status crew_seeds_parse(const char *text, uint64_t **out, size_t *n,
                             struct crew_error *err)
{
    uint64_t *seed = crew_alloc(count_pieces(text) * sizeof *seed);
    *out = seed;
    *n = 0;
    if (!seed)
        return crew_fail(err, CREW_ENOMEM, "no memory for the list of seeds");
    for (const char *s = text, *end; s; s = *end ? end + 1 : NULL) {
        end = s + strcspn(s, ",");
        if (!crew_text_u64(s, (size_t)(end - s), &seed[*n]))
            return crew_fail(err, CREW_EINVAL,
                             "seeds: item %zu is '%.*s', must be a whole number below 2^64",
                             *n + 1, (int)(end - s < 40 ? end - s : 40), s);
        for (size_t i = 0; i < *n; i++)
            if (seed[i] == seed[*n])
                return crew_fail(err, CREW_EINVAL, "seeds: %llu is given twice",
                                 (unsigned long long)seed[i]);
        ++*n;
    }
    return CREW_OK;
}
