#include "base/json.h"
#include <stdlib.h>

json_t *crew_json_text(const char *s, const char *otherwise)
{
    json_error_t why;
    json_t *text = s ? json_pack_ex(&why, 0, "s", s) : json_null();
    if (!text && json_error_code(&why) == json_error_invalid_utf8)
        text = otherwise ? json_string(otherwise) : json_null();
    return text;
}

json_t *crew_json_whole(json_t *list, size_t n)
{
    if (list && json_array_size(list) == n)
        return list;
    json_decref(list);
    return NULL;
}

char *crew_json_dump(const json_t *root, size_t flags)
{
    size_t n = json_dumpb(root, NULL, 0, flags);
    char *text = n ? malloc(n + 1) : NULL;
    if (text && json_dumpb(root, text, n, flags) == n) {
        text[n] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

bool crew_json_starved(const json_error_t *why)
{
    return !why->text[0] || json_error_code(why) == json_error_out_of_memory;
}

/* jansson 2.14 takes a string that it has no memory for as malformed; what is malformed is so
 * twice. */
crew_status crew_json_parse(const char *text, size_t n, size_t flags, json_t **out,
                            json_error_t *why)
{
    for (int i = 0; i < 2; i++)
        if ((*out = json_loadb(text, n, flags, why)))
            return CREW_OK;
    return crew_json_starved(why) ? CREW_ENOMEM : CREW_EFORMAT;
}
