/* Settings: what differs between runs, and all of them. */
#include "report/sections.h"
#include <cjson/cJSON.h>
#include <string.h>

/* What says where a run reads and writes its own files, or only how it is to start. */
static bool is_own(const char *key) {
    static const char *const OWN[] = {"output_dir", "overwrite_output_dir", "resume_from_checkpoint"};
    for (size_t i = 0; i < sizeof OWN / sizeof *OWN; i++)
        if (strcmp(key, OWN[i]) == 0) return true;
    return false;
}

static const cJSON *value_of(const Run *run, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(run->settings, key);
}

static bool equal(const cJSON *a, const cJSON *b) {
    return (!a && !b) || (a && b && cJSON_Compare(a, b, true));
}

/* Whether every key of `a` but the own ones and the seed has an equal value in `b`. */
static bool is_within(const Run *a, const Run *b) {
    const cJSON *item;
    cJSON_ArrayForEach(item, a->settings) {
        if (is_own(item->string) || strcmp(item->string, "seed") == 0) continue;
        if (!equal(item, value_of(b, item->string))) return false;
    }
    return true;
}

bool differ_in_seed_only(const Run *a, const Run *b) {
    return a->settings && b->settings && is_within(a, b) && is_within(b, a) &&
           !equal(value_of(a, "seed"), value_of(b, "seed"));
}

static bool differs(const Page *page, const char *key) {
    for (size_t i = 1; i < page->count; i++)
        if (!equal(value_of(&page->runs[i], key), value_of(&page->runs[0], key))) return true;
    return false;
}

static void write_value(Html *html, const cJSON *value) {
    char *text = value && !cJSON_IsString(value) ? cJSON_PrintUnformatted(value) : NULL;
    html_text(html, cJSON_IsString(value) ? value->valuestring : text ? text : "–");
    cJSON_free(text);
}

static void write_row(Html *html, const Page *page, const char *key) {
    html_print(html, "<tr><th scope=\"row\"><code>");
    html_text(html, key);
    html_print(html, "</code></th>");
    for (size_t i = 0; i < page->count; i++) {
        html_print(html, "<td>");
        write_value(html, value_of(&page->runs[i], key));
        html_print(html, "</td>");
    }
    html_print(html, "</tr>");
}

static void write_table(Html *html, const Page *page, const char *caption, bool all) {
    html_print(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table class=\"settings\"><caption>%s"
        "</caption><thead><tr><th scope=\"col\">Setting</th>",
        caption, caption);
    for (size_t i = 0; i < page->count; i++) {
        html_print(html, "<th scope=\"col\">");
        html_text(html, page->count > 1 ? page->runs[i].name : "Value");
        html_print(html, "</th>");
    }
    html_print(html, "</tr></thead><tbody>");
    for (size_t i = 0; i < page->count; i++) {
        const cJSON *item;
        cJSON_ArrayForEach(item, page->runs[i].settings) {
            bool seen = false; /* in the settings of an earlier run */
            for (size_t j = 0; j < i; j++) seen = seen || value_of(&page->runs[j], item->string);
            if (!seen && (all || (!is_own(item->string) && differs(page, item->string))))
                write_row(html, page, item->string);
        }
    }
    html_print(html, "</tbody></table></div>\n");
}

static bool any_difference(const Page *page) {
    for (size_t i = 0; i < page->count; i++) {
        const cJSON *item;
        cJSON_ArrayForEach(item, page->runs[i].settings) {
            if (!is_own(item->string) && differs(page, item->string)) return true;
        }
    }
    return false;
}

void section_settings(Html *html, const Page *page) {
    bool known = false;
    for (size_t i = 0; i < page->count; i++) known = known || page->runs[i].settings;
    html_print(html, "<section id=\"settings\" aria-labelledby=\"settings-h\"><h2 id=\"settings-h\">Settings</h2>\n");
    if (page->count > 1 && any_difference(page))
        write_table(html, page, "What differs between the runs", false);
    else if (page->count > 1 && known)
        html_print(html, "<p>The runs have the same settings.</p>\n");
    if (known) {
        html_print(html, "<details><summary>All settings</summary>");
        write_table(html, page, "All settings", true);
        html_print(html, "</details>\n");
    } else {
        html_print(html,
                   "<p class=\"missing\">The settings could not be read: there is no config.resolved.json.</p>\n");
    }
    html_print(html, "</section>\n");
}
