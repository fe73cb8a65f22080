/* linnet report: a page about one or several runs. */
#include "linnet/report/report.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "linnet/core/log.h"
#include <stdbool.h>
#include <string.h>

int command_report(int argc, char **argv) {
    static char long_name[] = "--output";
    const char *output = NULL;
    OptionList runs = {0};
    bool helped = false, quiet = false;
    Error error = {0};
    const Option table[] = {
        {"output", OPTION_TEXT, &output, "FILE.html: the page; also -o FILE.html", true, 0, 0},
    };
    const CommandLine line = {
        .synopsis = "linnet report RUN [RUN ...] --output FILE.html",
        .summary =
            "Write a page about training runs, each given by its output_dir: curves, confusion matrix, scores by class,\n"
            "calibration, texts, lengths, settings, times. The page is one file that loads nothing from elsewhere.",
        .options = table,
        .count = sizeof table / sizeof *table,
        .example = "linnet report run --output report.html",
        .operands = "RUN",
    };
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "-o") == 0) argv[i] = long_name;
    if (argc > 0) options_parse(&line, argc, argv, &helped, &quiet, &runs, &error); /* without any, RUN comes first */
    log_setup(0, 1, quiet);
    if (!helped && !error.status && runs.count == 0)
        error_set(&error, STATUS_INPUT,
                  "no RUN: give the output_dir of one or several runs: linnet report run --output report.html");
    if (!helped && !error.status) report_write(runs.items, runs.count, output, &error);
    if (error.status) log_error("%s", error.message);
    options_free_list(&runs);
    return (int)error.status;
}
