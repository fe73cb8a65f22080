/* Reading the program's environment variables. See environment.h. */
#include "linnet/core/environment.h"
#include "linnet/core/error.h"
#include "linnet/core/log.h"
#include <stdlib.h>
#include <string.h>

#define SECONDS_MOST 1e9 /* thirty years, which all of the system's time types can hold */

static const char *given(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

double environment_seconds(const char *name, double usual, bool tell) {
    const char *value = given(name);
    if (!value) return usual;
    char *end;
    const double seconds = strtod(value, &end);
    if (end != value && *end == '\0' && seconds >= 0.0 && seconds <= SECONDS_MOST) return seconds;
    if (tell) log_warning("%s: expected seconds from 0 to 1e9, got %.200s; using %g", name, value, usual);
    return usual;
}

int environment_word(const char *name, const char *const *words, const char *otherwise) {
    const char *value = given(name);
    if (!value) return -1;
    char known[200] = "";
    for (int i = 0; words[i]; i++) {
        if (strcmp(value, words[i]) == 0) return i;
        error_list(known, sizeof known, words[i], strlen(words[i]));
    }
    if (log_rank() == 0) log_warning("%s: expected one of %s, got %.200s; %s", name, known, value, otherwise);
    return -1;
}
