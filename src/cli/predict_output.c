/* linnet predict --output. See predict_output.h. */
#include "cli/predict_output.h"
#include "linnet/core/launcher.h"
#include "linnet/core/log.h"
#include "linnet/heartbeat/job.h"
#include <string.h>

Status predict_output_require(const PredictFileOptions *options, bool texts, Error *error) {
    const Launcher launcher = launcher_find();
    if (options->output && texts)
        return error_set(error, STATUS_INPUT, "--output: expected --input FILE with it, got texts as arguments");
    if (options->output || !launcher_is_several(&launcher)) return STATUS_OK;
    const bool stream = strcmp(options->input, "-") == 0;
    char count[LAUNCHER_TEXT];
    launcher_count_text(&launcher, count);
    return error_set(error, STATUS_INPUT,
                     "the launcher started %s, which need a file to write together: linnet predict --model %s "
                     "--input %s --output predictions.csv",
                     count, options->model, stream ? "FILE" : options->input);
}

/* One process: MPI, which takes longer to start than a short table, is left out. */
static Status run_alone(const PredictFileOptions *options, Error *error) {
    if (!error->status) predict_file(NULL, options, error);
    if (error->status && error->status != STATUS_STOPPED) log_error("%s", error->message);
    return error->status;
}

Status predict_output_run(const PredictFileOptions *options, bool quiet, Error *error) {
    World *world = NULL;
    Error start = {0};
    const Launcher launcher = launcher_find();
    if (launcher_is_alone(&launcher)) return run_alone(options, error);
    if (job_start(&world, &start) != STATUS_OK) {
        *error = start;
    } else {
        log_setup(world->rank, world->size, quiet);
        if (world_agree(world, error, true) == STATUS_OK) predict_file(world, options, error);
    }
    job_finish(world, error->status);
    return error->status;
}
