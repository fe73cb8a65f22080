/* plateau.h against torch's ReduceLROnPlateau. */
#include "linnet/optim/plateau.h"
#include "linnet/settings/settings.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { METRICS_MAX = 16 };
#define PEAK 3e-4

typedef struct {
    const char *options;
    int count;
    double metrics[METRICS_MAX], rates[METRICS_MAX];
} Golden;
#include "plateau_golden.h"

/** The arguments as lr_scheduler_kwargs gives them. */
static PlateauOptions load(const char *options) {
    char text[256];
    const char *overrides[] = {"model_name_or_path=m",
                               "train_file=t",
                               "output_dir=o",
                               "eval_file=e",
                               "eval_strategy=epoch",
                               "lr_scheduler_type=reduce_lr_on_plateau",
                               "greater_is_better=false",
                               text};
    Settings settings;
    Error error = {0};
    snprintf(text, sizeof text, "lr_scheduler_kwargs=%s", options);
    if (settings_load(&settings, NULL, overrides, sizeof overrides / sizeof *overrides, &error))
        fail_msg("%s", error.message);
    const PlateauOptions loaded = settings.schedule.plateau;
    settings_free(&settings);
    return loaded;
}

/** The same operations as torch's, so the same bits. */
static void test_gives_the_rates_of_torch(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof GOLDEN / sizeof *GOLDEN; i++) {
        const PlateauOptions options = load(GOLDEN[i].options);
        PlateauState plateau = plateau_begin(PEAK);
        for (int k = 0; k < GOLDEN[i].count; k++) {
            plateau_step(&plateau, &options, GOLDEN[i].metrics[k]);
            if (plateau.rate != GOLDEN[i].rates[k])
                fail_msg("%s, evaluation %d: %.17g, not %.17g", GOLDEN[i].options, k, plateau.rate, GOLDEN[i].rates[k]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gives_the_rates_of_torch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
