/* The parts that pages are made of: text, plots, tables, the style sheet. */
#include "study/page.h"
#include "study/plot.h"
#include <math.h>
#include <string.h>

/* Both colour schemes, paper is always light; one column on a phone, two on a screen; wide
 * tables scroll in their own box, which has a shadow where there is more. */
const char crew_page_style[] =
    ":root{color-scheme:light dark;--paper:#fff;--card:#f6f7f9;--ink:#1c2128;--dim:#5a6470;"
    "--line:#d5dae0;--shade:#0003}\n"
    "@media screen and (prefers-color-scheme:dark){:root{--paper:#14171c;--card:#1c2027;"
    "--ink:#e3e7ec;--dim:#9aa5b1;--line:#39414b;--shade:#fff4}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:82rem;padding:1rem;background:var(--paper);color:var(--ink);"
    "font:1rem/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.6rem;margin:.5rem 0}h2{font-size:1.25rem;margin:2rem 0 .5rem;"
    "overflow-wrap:anywhere}\n"
    "p{margin:.4rem 0;overflow-wrap:anywhere}.dim,figcaption small{color:var(--dim)}\n"
    ".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,30rem),1fr));"
    "gap:1rem;align-items:start}\n"
    "figure{margin:0;padding:.75rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:.5rem;min-width:0}\n"
    "figcaption{margin-bottom:.4rem}figcaption b{display:block}\n"
    "figcaption small{font-size:.85rem}\n"
    "figure svg{display:block;width:100%;height:auto}figure svg g{color:inherit}\n"
    ".legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.5rem 0 0;"
    "padding:0;font-size:.85rem}\n"
    ".legend li{overflow-wrap:anywhere}.legend i{display:inline-block;width:.8rem;height:.8rem;"
    "border-radius:.15rem;print-color-adjust:exact;margin-right:.35rem;vertical-align:-.08rem}"
    "\n"
    ".scroll{overflow-x:auto;margin:.5rem 0;background:linear-gradient(to right,var(--paper) "
    "50%,transparent) left/2rem 100% no-repeat local,linear-gradient(to left,var(--paper) 50%,"
    "transparent) right/2rem 100% no-repeat local,linear-gradient(to right,var(--shade),"
    "transparent) left/.6rem 100% no-repeat,linear-gradient(to left,var(--shade),transparent) "
    "right/.6rem 100% no-repeat}\n"
    "table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}\n"
    "caption{text-align:left;font-weight:600;padding:.3rem 0}\n"
    "th,td{padding:.25rem .45rem;border-bottom:1px solid var(--line);text-align:right;"
    "white-space:nowrap}\n"
    "th{color:var(--dim);font-weight:600;white-space:normal;vertical-align:bottom}"
    "td:first-child,.wide{white-space:normal;overflow-wrap:break-word}.wide{min-width:6rem}\n"
    "th:first-child,td:first-child,.text{text-align:left}\n"
    ".note{white-space:normal;overflow-wrap:anywhere;min-width:13rem}\n"
    ".wrap td{white-space:normal;overflow-wrap:anywhere;text-align:left;vertical-align:top}"
    ".wrap th{text-align:left;vertical-align:top}\n"
    "code{font:.85em ui-monospace,monospace}summary{cursor:pointer;margin:.6rem 0;"
    "font-weight:600}\n"
    "@media "
    "print{html{font-size:10px}body{max-width:none;padding:0}figure,tr{break-inside:avoid}"
    "h2,figcaption{break-after:avoid}.scroll{overflow:visible;background:none}th,td{padding:"
    ".1rem .25rem;white-space:normal}}\n";

/* ---- Text ---- */

/* Bytes of the character at s, 0: not UTF-8. Overlong forms and halves of surrogate pairs are
 * not. */
static size_t character(const unsigned char *s)
{
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

void crew_page_text(FILE *to, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s) {
        size_t n = character(s);
        if (!n || (*s < 0x20 && !strchr("\t\n", *s)) || *s == 0x7f)
            fputs("\xef\xbf\xbd", to);
        else if (*s == '&')
            fputs("&amp;", to);
        else if (*s == '<')
            fputs("&lt;", to);
        else if (*s == '>')
            fputs("&gt;", to);
        else if (*s == '"')
            fputs("&quot;", to);
        else if (*s == '\'')
            fputs("&#39;", to);
        else
            fwrite(s, 1, n, to);
        s += n ? n : 1;
    }
}

/* ---- Plots ---- */

static bool begins(const char *s, const char *with)
{
    return !strncmp(s, with, strlen(with));
}

/* What is left out: an element with its content, or an attribute with its value. NULL: nothing
 * of that begins here. */
static const char *behind(const char *s)
{
    static const char *const element[] = {"<title>", "</title>", "<desc>",
                                          "</desc>", "<defs>",   "</defs>"};
    for (size_t i = 0; i < sizeof element / sizeof *element; i += 2)
        if (begins(s, element[i])) {
            const char *end = strstr(s, element[i + 1]);
            return end ? end + strlen(element[i + 1]) : s + strlen(s);
        }
    if (begins(s, " id=\"") || begins(s, " id='")) {
        const char *end = strchr(s + 5, s[4]);
        return end ? end + 1 : s + strlen(s);
    }
    return NULL;
}

void crew_page_svg(FILE *to, const char *svg, const char *label)
{
    static const char *const ink[] = {"rgb(  1,   2,   3)", "rgb(1,2,3)"};
    const char *s = strstr(svg, "<svg"), *next;
    if (!s)
        return;
    fputs("<svg role=\"img\" aria-label=\"", to);
    crew_page_text(to, label);
    fputc('"', to);
    for (s += 4; *s;) {
        if ((next = behind(s))) {
            s = next;
        } else if (begins(s, ink[0]) || begins(s, ink[1])) {
            fputs("currentColor", to);
            s = strchr(s, ')') + 1;
        } else {
            fputc(*s++, to);
        }
    }
}

/* ---- Tables ---- */

void crew_page_number(FILE *to, double v, const char *format)
{
    char text[40] = "\xe2\x80\x93"; /* a dash */
    if (isfinite(v))
        snprintf(text, sizeof text, format, v);
    fprintf(to, "<td>%s</td>", text);
}

void crew_page_cell(FILE *to, const char *s)
{
    fputs("<td class=\"text\">", to);
    crew_page_text(to, s ? s : "\xe2\x80\x93");
    fputs("</td>", to);
}

/* A value in a cell: of an object its mean and deviation. */
static void put_value(FILE *to, const json_t *v)
{
    double mean = crew_json_number(v, "mean"), sd = crew_json_number(v, "sd");
    if (json_is_string(v))
        crew_page_cell(to, json_string_value(v));
    else if (json_is_integer(v))
        fprintf(to, "<td>%" JSON_INTEGER_FORMAT "</td>", json_integer_value(v));
    else if (json_is_boolean(v))
        crew_page_cell(to, json_is_true(v) ? "yes" : "no");
    else if (json_is_object(v) && isfinite(mean) && isfinite(sd))
        fprintf(to, "<td>%.4g \xc2\xb1 %.2g</td>", mean, sd);
    else
        crew_page_number(to, json_is_real(v) ? json_real_value(v) : mean, "%.5g");
}

/* "round_mean_s" -> "round mean s" */
static void put_key(FILE *to, const char *key)
{
    char text[96];
    snprintf(text, sizeof text, "%s", key);
    for (char *s = text; (s = strchr(s, '_'));)
        *s = ' ';
    crew_page_text(to, text);
}

static bool is_simple(const json_t *v)
{
    return !json_is_array(v) && (!json_is_object(v) || isfinite(crew_json_number(v, "mean")));
}

/* Values, and those of objects in it, one level down. */
static void put_members(FILE *to, const json_t *object, const char *prefix)
{
    json_t *o = (json_t *)(uintptr_t)object; /* jansson does not change it */
    for (void *at = json_object_iter(o); at; at = json_object_iter_next(o, at)) {
        const json_t *v = json_object_iter_value(at);
        if (json_is_object(v) && !is_simple(v) && !prefix)
            put_members(to, v, json_object_iter_key(at));
        if (!is_simple(v))
            continue;
        fputs("<tr><th scope=\"row\">", to);
        put_key(to, prefix ? prefix : "");
        fputs(prefix ? " " : "", to);
        put_key(to, json_object_iter_key(at));
        fputs("</th>", to);
        put_value(to, v);
        fputs("</tr>\n", to);
    }
}

void crew_page_object(FILE *to, const json_t *o, const char *caption)
{
    if (!json_object_size(o))
        return;
    fputs("<div class=\"scroll\"><table class=\"wrap\"><caption>", to);
    crew_page_text(to, caption);
    fputs("</caption>\n", to);
    put_members(to, o, NULL);
    fputs("</table></div>\n", to);
}

/* The columns are the keys of the first row. */
void crew_page_rows(FILE *to, const json_t *list, const char *caption)
{
    json_t *first = json_array_get(list, 0);
    if (!json_object_size(first))
        return;
    fputs("<div class=\"scroll\"><table><caption>", to);
    crew_page_text(to, caption);
    fputs("</caption>\n<tr>", to);
    for (void *at = json_object_iter(first); at; at = json_object_iter_next(first, at))
        if (is_simple(json_object_iter_value(at))) {
            fputs(json_is_string(json_object_iter_value(at)) ? "<th class=\"text\">" : "<th>",
                  to);
            put_key(to, json_object_iter_key(at));
            fputs("</th>", to);
        }
    fputs("</tr>\n", to);
    for (size_t i = 0; i < json_array_size(list); i++) {
        fputs("<tr>", to);
        for (void *at = json_object_iter(first); at; at = json_object_iter_next(first, at))
            if (is_simple(json_object_iter_value(at)))
                put_value(to,
                          json_object_get(json_array_get(list, i), json_object_iter_key(at)));
        fputs("</tr>\n", to);
    }
    fputs("</table></div>\n", to);
}
