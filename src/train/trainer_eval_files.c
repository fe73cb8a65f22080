/* The evaluation files of a run. */
#include "linnet/core/digest.h"
#include "linnet/core/file.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/nearest.h"
#include "linnet/evaluate/predictions_file.h"
#include "train/trainer_state.h"
#include <stdio.h>
#include <string.h>

/* Collective. */
static Status open_files(Trainer *t, Error *error) {
    TrainerEvaluation *e = &t->evaluation;
    for (size_t i = 0; i < e->count; i++) {
        TrainerEvalFile *of = &e->files[i];
        of->file = &t->settings->eval_file.files[i];
        eval_prefix(of->file, of->prefix);
        if (trainer_open_token_file(t, &of->data, of->file->path, error)) return error->status;
        if (!trainer_require_samples(t, of->data, error))
            trainer_check_same_problem(t, of->data, of->file->path, error);
        if (world_agree(t->world, error, true)) return error->status;
    }
    return STATUS_OK;
}

const TrainerEvalFile *trainer_chosen_file(const Trainer *t, const char **metric) {
    const NamedFiles *files = &t->settings->eval_file;
    *metric = t->settings->metric_for_best_model;
    const NamedFile *chosen = *metric ? named_files_of_metric(files, metric) : NULL;
    return chosen ? &t->evaluation.files[chosen - files->files] : NULL;
}

/* The metric is none of the scores that evaluations of this kind of labels have. */
static Status refuse_metric(const DatasetInfo *info, const ScoreList *list, const char *metric, Error *error) {
    char known[256];
    size_t used = 0;
    for (size_t i = 0; i < list->overall && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", list->scores[i].name);
    return error_set(error, STATUS_INPUT, "metric_for_best_model: %s is for %s, which has %s, got %s", info->path,
                     problem_name(info->problem), known, metric);
}

/* The settings know every metric; which of them there are, and those of classes, only the data tell. */
static Status check_metric(const Trainer *t, Error *error) {
    const char *metric, *names[SCORE_LIST_MAX];
    const TrainerEvalFile *of = trainer_chosen_file(t, &metric);
    ScoreList list;
    if (!of || t->language) return STATUS_OK;
    const DatasetInfo *info = dataset_info(of->data);
    score_list_names(&list, info->problem, info->labels, info->label_names);
    if (score_list_find(&list, metric)) return STATUS_OK;
    if (metric_is_in(metric, METRIC_NAMES) || info->problem == PROBLEM_REGRESSION)
        return refuse_metric(info, &list, metric, error);
    for (size_t i = 0; i < list.count; i++) names[i] = list.scores[i].name;
    const char *near = nearest_name(metric, names, list.count);
    if (info->labels > SCORE_CLASSES_MAX)
        return error_set(
            error, STATUS_INPUT,
            "metric_for_best_model: %s: evaluations of more than %d labels report no scores of a class, and "
            "%s has %d",
            metric, SCORE_CLASSES_MAX, info->path, (int)info->labels);
    return error_set(error, STATUS_INPUT, "metric_for_best_model: %s has no label for %s%s%s%s", info->path, metric,
                     near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

/* The area under the ROC curve is not known of a file whose probabilities are not kept: it can choose nothing. */
static Status check_room(const Trainer *t, Error *error) {
    const char *metric;
    const TrainerEvalFile *of = trainer_chosen_file(t, &metric);
    if (!of ||
        (strcmp(metric, METRIC_NAMES[METRIC_AUROC]) != 0 && strcmp(metric, METRIC_NAMES[METRIC_AUROC_WEIGHTED]) != 0))
        return STATUS_OK;
    const DatasetInfo *info = dataset_info(of->data);
    if (probability_table_fits(info->samples, info->labels)) return STATUS_OK;
    return error_set(error, STATUS_INPUT,
                     "metric_for_best_model: %s: %s has too many samples and labels for it: choose another metric",
                     metric, info->path);
}

/* A model that has learned from one text a sample has not learned where a second one starts. */
static Status check_pairs(const DatasetInfo *train, const DatasetInfo *eval, Error *error) {
    if (train->pairs == eval->pairs) return STATUS_OK;
    return error_set(error, STATUS_INPUT,
                     "eval_file: %s has samples of %s, but %s of %s: prepare both with --text-pair-column, or none",
                     eval->path, eval->pairs ? "two texts" : "one text", train->path,
                     train->pairs ? "two texts" : "one text");
}

static Status check_all_pairs(const Trainer *t, Error *error) {
    for (size_t i = 0; i < t->evaluation.count && !error->status; i++)
        check_pairs(dataset_info(t->data.train), dataset_info(t->evaluation.files[i].data), error);
    return error->status;
}

Status trainer_open_eval_files(Trainer *t, Error *error) {
    TrainerEvaluation *e = &t->evaluation;
    const size_t count = t->settings->eval_file.count;
    e->files = memory_allocate(count, sizeof *e->files, error);
    if (world_agree(t->world, error, true)) return error->status;
    e->count = count;
    if (open_files(t, error)) return error->status;
    if (!check_all_pairs(t, error) && !check_metric(t, error)) check_room(t, error);
    return world_agree(t->world, error, true);
}

int32_t trainer_eval_labels(const Trainer *t) {
    return t->language ? 0 : t->model.config.labels;
}

Status trainer_check_eval_files(const Trainer *t, const char *model, Error *error) {
    for (size_t i = 0; i < t->evaluation.count && !error->status; i++)
        model_check_data(&t->model.config, t->model.tokenizer, dataset_info(t->evaluation.files[i].data), model, error);
    return error->status;
}

Status trainer_allocate_evaluation(Trainer *t, Error *error) {
    TrainerEvaluation *e = &t->evaluation;
    const int32_t labels = trainer_eval_labels(t);
    int64_t most = 0;
    for (size_t i = 0; i < e->count; i++) {
        const int64_t samples = dataset_info(e->files[i].data)->samples;
        e->files[i].metrics = memory_allocate(1, sizeof *e->files[i].metrics, error);
        if (!t->language && probability_table_fits(samples, labels)) most = int64_max(most, samples);
    }
    const bool single = !t->language && !problem_has_targets(t->model.config.problem);
    if (t->world->rank == 0 && e->count > 0 && single) probability_table_create(&e->probabilities, most, labels, error);
    return error->status;
}

/* The digest of the table that the only file was made from; of several files that of all names and digests. */
Status trainer_record_eval_files(Trainer *t, Error *error) {
    const TrainerEvaluation *e = &t->evaluation;
    RunState *state = &t->state;
    Digest *all = NULL;
    state->eval_tokens = 0;
    for (size_t i = 0; i < e->count; i++) state->eval_tokens += dataset_info(e->files[i].data)->tokens;
    if (e->count == 1) {
        const DatasetInfo *info = dataset_info(e->files[0].data);
        memcpy(state->eval_digest, info->source_digest, sizeof state->eval_digest);
    }
    if (e->count <= 1 || digest_create(&all, error)) return error->status;
    for (size_t i = 0; i < e->count; i++) {
        const DatasetInfo *info = dataset_info(e->files[i].data);
        digest_add(all, e->files[i].file->name, strlen(e->files[i].file->name) + 1);
        digest_add(all, info->source_digest, strlen(info->source_digest) + 1);
    }
    digest_finish(all, state->eval_digest);
    digest_destroy(all);
    return error->status;
}

char *trainer_predictions_path(const Trainer *t, const TrainerEvalFile *of, Error *error) {
    char name[sizeof EVAL_PREDICTIONS_FILE + NAMED_FILE_NAME_MAX + 1];
    predictions_file_name(of->file->name, name, sizeof name);
    return file_join(t->settings->output_dir, name, error);
}

cJSON *trainer_eval_event(const Trainer *t, const TrainerEvalFile *of) {
    ScoreList list;
    score_list_make(&list, &of->scores, of->metrics, t->model.config.label_names);
    return runlog_eval_event(t->state.step, t->state.epoch, of->prefix, &list, of->seconds, of->metrics->samples);
}

cJSON *trainer_eval_fields(const Trainer *t, Error *error) {
    cJSON *events = cJSON_CreateArray();
    bool complete = events;
    ScoreList list;
    score_list_names(&list, t->model.config.problem, trainer_eval_labels(t), t->model.config.label_names);
    for (size_t i = 0; i < t->evaluation.count && complete; i++)
        complete = cJSON_AddItemToArray(events, runlog_eval_event(0, 0, t->evaluation.files[i].prefix, &list, 0, 0));
    if (complete) return events;
    cJSON_Delete(events);
    error_set(error, STATUS_FAILURE, "out of memory for the names of scores");
    return NULL;
}

void trainer_close_eval_files(Trainer *t) {
    for (size_t i = 0; i < t->evaluation.count; i++) {
        dataset_close(t->evaluation.files[i].data);
        memory_free(t->evaluation.files[i].metrics);
    }
    memory_free(t->evaluation.files);
    probability_table_free(&t->evaluation.probabilities);
}
