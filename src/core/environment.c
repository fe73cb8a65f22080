#include "linnet/environment.h"

#include "linnet/log.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *given(const char *name) {
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

double environment_seconds(const char *name, double usual, bool tell) {
    const char *value = given(name);
    if (value == NULL) return usual;
    char *end;
    const double seconds = strtod(value, &end);
    if (end != value && *end == '\0' && isfinite(seconds) && seconds >= 0.0) return seconds;
    if (tell) log_warning("%s=%.200s: not a number of seconds from 0 on; using %g", name, value, usual);
    return usual;
}

int environment_word(const char *name, const char *const *words, const char *otherwise) {
    const char *value = given(name);
    if (value == NULL) return -1;
    char known[200] = "";
    size_t length = 0;
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(value, words[i]) == 0) return i;
        if (length < sizeof known)
            length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    log_warning("%s=%.200s: unknown (known: %s); %s", name, value, known, otherwise);
    return -1;
}
