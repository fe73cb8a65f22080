/* Keep logits and targets for their scores. See target_keeper.h. */
#include "evaluate/target_keeper.h"
#include "linnet/core/memory.h"
#include <math.h>
#include <string.h>

Status target_keeper_open(TargetKeeper *keeper, Dataset *dataset, Error *error) {
    const DatasetInfo *info = dataset_info(dataset);
    *keeper = (TargetKeeper){.dataset = dataset, .samples = (size_t)info->samples, .labels = (size_t)info->labels};
    const size_t bytes = keeper->samples * keeper->labels * sizeof(float);
    if (memory_check(2 * bytes, "the evaluation's logits and targets", error)) return error->status;
    keeper->logits = memory_allocate(keeper->samples, keeper->labels * sizeof(float), error);
    keeper->targets = memory_allocate(keeper->samples, keeper->labels * sizeof(float), error);
    return error->status;
}

void target_keeper_close(TargetKeeper *keeper) {
    memory_free(keeper->logits);
    memory_free(keeper->targets);
    *keeper = (TargetKeeper){0};
}

Status target_keeper_take(void *context, int64_t first, int64_t count, const double *logits, Error *error) {
    TargetKeeper *keeper = context;
    const size_t start = (size_t)first * keeper->labels, values = (size_t)count * keeper->labels;
    int64_t *indices = memory_allocate((size_t)count, sizeof *indices, error);
    Samples samples = {0};
    if (!indices) return error->status;
    for (int64_t i = 0; i < count; i++) indices[i] = first + i;
    if (!dataset_load(keeper->dataset, indices, count, &samples, error)) {
        memcpy(keeper->targets + start, samples.targets, values * sizeof(float));
        for (size_t i = 0; i < values; i++) keeper->logits[start + i] = (float)logits[i];
    }
    samples_free(&samples);
    memory_free(indices);
    return error->status;
}

Status target_keeper_score(const TargetKeeper *keeper, Metrics *metrics, Error *error) {
    if (metrics->nan_losses + metrics->infinite_losses > 0) {
        metrics->multi_label = (MultiLabelScores){NAN, NAN, NAN, NAN};
        metrics->regression = (RegressionScores){NAN, NAN, NAN, NAN, NAN, NAN};
        for (size_t k = 0; k < keeper->labels; k++) {
            metrics->per_label[k] = (LabelScores){.precision = NAN, .recall = NAN, .f1 = NAN, .average_precision = NAN};
            metrics->per_target[k] = metrics->regression;
        }
        return STATUS_OK;
    }
    if (metrics->problem == PROBLEM_MULTI_LABEL)
        return multi_label_scores(&metrics->multi_label, metrics->per_label, keeper->logits, keeper->targets,
                                  keeper->samples, keeper->labels, error);
    return regression_scores(&metrics->regression, metrics->per_target, keeper->logits, keeper->targets,
                             keeper->samples, keeper->labels, error);
}
