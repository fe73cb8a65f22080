/* The name of the base model on the hub. See base_model.h. */
#include "report/base_model.h"
#include "report/card_text.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *owner;
    int32_t layers, width;
} PUBLISHED[] = {
    {"gpt2", "openai-community", 12, 768},        {"gpt2-medium", "openai-community", 24, 1024},
    {"gpt2-large", "openai-community", 36, 1280}, {"gpt2-xl", "openai-community", 48, 1600},
    {"distilgpt2", "distilbert", 6, 768},
};
enum { PUBLISHED_VOCABULARY = 50257 };

/* Letters, digits and ._- as the hub allows them; a name starts with a letter or digit. */
static bool is_part(const char *text) {
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c)) return false;
    return isalnum((unsigned char)*text);
}

/* Of "…/models--OWNER--NAME/snapshots/HASH", or "…/models--NAME/…". */
static bool name_in_cache(const char *path, char name[BASE_MODEL_TEXT]) {
    static const char MARK[] = "models--";
    const char *end = strstr(path, "/snapshots/"), *start = end;
    while (start && start > path && start[-1] != '/') start--;
    if (!start || strncmp(start, MARK, sizeof MARK - 1) != 0) return false;
    start += sizeof MARK - 1;
    if ((size_t)(end - start) >= BASE_MODEL_TEXT) return false;
    snprintf(name, BASE_MODEL_TEXT, "%.*s", (int)(end - start), start);
    char *owner = strstr(name, "--");
    if (!owner) return is_part(name);
    *owner = '\0';
    const bool good = is_part(name) && is_part(owner + 2);
    *owner = '/';
    memmove(owner + 1, owner + 2, strlen(owner + 2) + 1);
    return good;
}

static bool is_published(const char *folder, const ModelConfig *config, char name[BASE_MODEL_TEXT]) {
    for (size_t i = 0; i < sizeof PUBLISHED / sizeof *PUBLISHED; i++) {
        if (strcmp(folder, PUBLISHED[i].name) != 0 || config->layers != PUBLISHED[i].layers ||
            config->width != PUBLISHED[i].width || config->vocabulary != PUBLISHED_VOCABULARY)
            continue;
        snprintf(name, BASE_MODEL_TEXT, "%s/%s", PUBLISHED[i].owner, PUBLISHED[i].name);
        return true;
    }
    return false;
}

bool base_model_name(const char *path, const ModelConfig *config, char name[BASE_MODEL_TEXT]) {
    char room[4096], *whole = realpath(path, NULL);
    const bool known = (whole && name_in_cache(whole, name)) || is_published(card_name(path, room), config, name);
    free(whole);
    return known;
}
