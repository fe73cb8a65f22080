#ifndef LINNET_SETTINGS_SUPPORT_H
#define LINNET_SETTINGS_SUPPORT_H
/** What the tests of settings share: a file of settings in a folder of its own, loaded and refused. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/settings/settings.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/message.h"

/** What must be given, on the first line of a file, so that what follows stands on line 2. */
#define REQUIRED "{\"model_name_or_path\": \"gpt2\", \"train_file\": \"train.h5\", \"output_dir\": \"out\""
#define EVALUATING REQUIRED ", \"eval_file\": \"test.h5\", \"eval_strategy\": \"steps\""

static char folder[64];
static char path[96];

static inline int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/linnet_settings_XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/run.json", folder);
    return 0;
}

static inline int remove_folder(void **state) {
    (void)state;
    Error error = {0};
    return file_remove(folder, &error) == STATUS_OK ? 0 : -1;
}

/** Load a file of this text with overrides up to NULL. */
static inline Status load(Settings *settings, const char *text, const char *const *overrides, Error *error) {
    *error = (Error){0};
    Error write_error = {0};
    assert_int_equal(file_replace(path, text, strlen(text), &write_error), STATUS_OK);
    size_t count = 0;
    while (overrides[count]) count++;
    return settings_load(settings, path, overrides, count, error);
}
#define LOAD(settings, text, error, ...) load(settings, text, (const char *const[]){__VA_ARGS__}, error)

static inline Settings load_good(const char *text) {
    Settings settings;
    Error error;
    if (LOAD(&settings, text, &error, NULL) != STATUS_OK) fail_msg("%s", error.message);
    return settings;
}

/** The text must be refused with a message that holds all `names` up to NULL; "FILE" stands for the file's path. */
static inline void expect_refusal(const char *text, const char *override, const char *const *names) {
    Settings settings;
    Error error;
    Status status = LOAD(&settings, text, &error, override, NULL);
    assert_int_equal(status, STATUS_INPUT);
    assert_null(settings.train_file);
    for (; *names; names++) {
        const char *file = strstr(*names, "FILE");
        char expected[1024];
        snprintf(expected, sizeof expected, "%.*s%s%s", (int)(file ? file - *names : 0), *names, file ? path : "",
                 file ? file + 4 : *names);
        assert_names(error.message, NAMES(expected));
    }
}
#define EXPECT_REFUSAL(text, override, ...) expect_refusal(text, override, NAMES(__VA_ARGS__))

/** Load the text with standard error in a file; warnings [size] gets what was printed. */
static inline void capture_warnings(const char *text, const char *const *overrides, char *warnings, size_t size) {
    FILE *file = tmpfile();
    assert_non_null(file);
    int old = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    Settings settings;
    Error error;
    Status status = load(&settings, text, overrides, &error);
    dup2(old, STDERR_FILENO);
    close(old);
    rewind(file);
    warnings[fread(warnings, 1, size - 1, file)] = '\0';
    fclose(file);
    if (status != STATUS_OK) fail_msg("%s", error.message);
    settings_free(&settings);
}

/** Loading prints one warning that holds `key` and `advice`, or none where they are NULL. */
static inline void expect_warning(const char *text, const char *key, const char *advice) {
    char warnings[1024], start[128];
    capture_warnings(text, (const char *const[]){NULL}, warnings, sizeof warnings);
    snprintf(start, sizeof start, "linnet: warning: %s: ", path);
    if (!key)
        assert_string_equal(warnings, "");
    else if (strncmp(warnings, start, strlen(start)) != 0 || strchr(warnings, '\n') != strrchr(warnings, '\n') ||
             !strstr(warnings, key) || !strstr(warnings, advice))
        fail_msg("'%s' and '%s' in one line: %s", key, advice, warnings);
}

#define SETTINGS_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

#endif
