/* Preparing a table for its evaluation. See evaluate_table.h. */
#include "evaluate/evaluate_table.h"
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/memory.h"
#include "linnet/core/temporary.h"
#include "linnet/core/text.h"
#include "linnet/evaluate/evaluation.h"
#include "linnet/model/model_paths.h"
#include "linnet/text/preparation.h"
#include "linnet/tokenizer/tokenizer.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool evaluate_is_table(const World *world, const EvaluateOptions *options) {
    const char *path = options->data;
    int table = world->rank == 0 &&
                (strcmp(path, "-") == 0 || (!text_ends_with(path, ".h5") && !text_ends_with(path, ".hdf5") &&
                                            file_kind_of(path) != FILE_KIND_HDF5));
    world_check(world, MPI_Bcast(&table, 1, MPI_INT, 0, world->comm), "MPI_Bcast");
    return table != 0;
}

/* A folder that only this user can read, under the system's folder for temporary files. */
static char *make_folder(Error *error) {
    const char *parent = getenv("TMPDIR");
    char *path = file_join(parent && *parent ? parent : "/tmp", "linnet-evaluate", error);
    char *folder = path ? temporary_begin(path, error) : NULL;
    if (folder && mkdir(folder, S_IRWXU))
        error_set(error, file_blame(errno), "%s: cannot make a temporary folder: %s", folder, strerror(errno));
    memory_free(path);
    return folder;
}

/* Refuse the model's own names in another order: whoever gives them has not seen the model's order, and the labels of
 * the table would count as others without a word. */
static Status refuse_reordered(const EvaluateOptions *options, const ModelConfig *config, Error *error) {
    int32_t moved = -1;
    for (int32_t i = 0; i < config->labels; i++) {
        int32_t k = 0;
        while (k < config->labels && strcmp(options->label_names[i], config->label_names[k]) != 0) k++;
        if (k == config->labels) return STATUS_OK; /* another name */
        if (k != i && moved < 0) moved = i;
    }
    if (moved < 0) return STATUS_OK;
    Quoted given, own;
    const char *name = options->label_names[moved], *other = config->label_names[moved];
    return error_set(error, STATUS_INPUT,
                     "--labels: label %d is %s, but %s in %s: leave --labels out where the table has the model's names",
                     moved, quoted(name, strlen(name), &given), quoted(other, strlen(other), &own), options->model);
}

/* Whether the columns are called like the model's labels, so that their order does not matter. */
static bool are_names(const EvaluateOptions *options, const ModelConfig *config) {
    for (size_t i = 0; i < options->label_column_count; i++) {
        int32_t k = 0;
        while (k < config->labels && strcmp(options->label_columns[i], config->label_names[k]) != 0) k++;
        if (k == config->labels) return false;
    }
    return true;
}

/* Where the labels of the model's problem are in the table. */
static Status choose_columns(const EvaluateOptions *options, const ModelConfig *config, PrepareOptions *prepared,
                             Error *error) {
    const bool numbers = config->problem == PROBLEM_REGRESSION;
    prepared->problem = config->problem;
    if (!problem_has_targets(config->problem)) {
        if (options->label_columns || options->label_separator)
            return error_set(error, STATUS_INPUT,
                             "--label-column%s: %s has one label a sample, named by --label-column",
                             options->label_columns ? "s" : " and --label-separator", options->model);
        prepared->label_column = options->label_column ? options->label_column : USUAL_LABEL_COLUMN;
        return STATUS_OK;
    }
    if (options->label_columns && options->label_column_count != prepared->labels)
        return error_set(error, STATUS_INPUT,
                         "--label-columns: expected a column for each of the %zu labels of %s, got %zu",
                         prepared->labels, options->model, options->label_column_count);
    if (options->label_columns || !options->label_column || numbers)
        prepared->label_columns =
            options->label_columns && !are_names(options, config) ? options->label_columns : prepared->label_names;
    if (options->label_column && numbers) {
        if (prepared->labels != 1)
            return error_set(error, STATUS_INPUT,
                             "--label-column: %s has %zu targets: name their columns by --label-columns",
                             options->model, prepared->labels);
        prepared->label_columns = (char *const *)&options->label_column;
    } else if (options->label_column) {
        prepared->label_column = options->label_column;
        prepared->label_separator = options->label_separator;
    }
    return STATUS_OK;
}

/* Write the token file for a model. */
static Status prepare_for(const World *world, const EvaluateOptions *options, const ModelConfig *config,
                          const char *tokenizer, const char *output, Error *error) {
    PrepareSummary summary;
    const bool told = options->label_names != NULL;
    if (told && options->labels != (size_t)config->labels)
        return error_set(error, STATUS_INPUT, "--labels: expected a name for each of the %d labels of %s, got %zu",
                         config->labels, options->model, options->labels);
    char *data = memory_text(options->data, error);
    if (!data || (told && refuse_reordered(options, config, error))) goto cleanup;
    PrepareOptions prepared = {.inputs = &data,
                               .input_count = 1,
                               .table = options->table,
                               .output = output,
                               .tokenizer = tokenizer,
                               .text_column = options->text_column,
                               .pair_column = options->pair_column,
                               .label_names = told ? options->label_names : config->label_names,
                               .labels = (size_t)config->labels,
                               .positions = config->positions};
    if (!choose_columns(options, config, &prepared, error) && !prepare(&prepared, &summary, error) && world->rank == 0)
        tokenizer_warn_truncated(summary.truncated, summary.training.samples, summary.max_length, config->positions);
cleanup:
    memory_free(data);
    return error->status;
}

static Status prepare_table(const World *world, const EvaluateOptions *options, const char *output, Error *error) {
    ModelPaths paths;
    ModelConfig config = {0};
    if (model_paths_find(&paths, options->model, options->adapter, error)) return error->status;
    if (!model_paths_config(&paths, &config, error))
        prepare_for(world, options, &config, paths.tokenizer, output, error);
    model_config_free(&config);
    model_paths_free(&paths);
    return error->status;
}

Status evaluate_open_table(const World *world, Dataset **dataset, const EvaluateOptions *options, Error *error) {
    char path[PATH_MAX] = "";
    char *folder = NULL;
    if (strcmp(options->data, "-") == 0 && world->nodes > 1)
        error_set(error, STATUS_INPUT, "--data: standard input reaches one node only, and there are %d: name a file",
                  world->nodes);
    else if (world->node_rank == 0 && (folder = make_folder(error)) && !error->status) {
        char *file = file_join(folder, "table.h5", error);
        if (file && strlen(file) < sizeof path) strcpy(path, file);
        if (file) prepare_table(world, options, file, error);
        memory_free(file);
    }
    if (world_agree(world, error, true) == STATUS_OK) {
        world_check(world, MPI_Bcast(path, (int)sizeof path, MPI_CHAR, 0, world->node), "MPI_Bcast");
        evaluate_open_data(world, dataset, path, error);
    }
    Error ignored = {0};
    if (folder) file_remove(folder, &ignored);
    temporary_end(folder);
    return error->status;
}
