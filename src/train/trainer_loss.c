/* The loss that a run minimizes: class weights, label smoothing, focal loss. */
#include "linnet/core/escape.h"
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/settings/class_weights.h"
#include "train/trainer_state.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Samples of each label [DATASET_LABELS_MAX] in the training data; the ranks share the work. Collective. */
static Status count_labels(const Trainer *t, int64_t *counts, Error *error) {
    int64_t first, count;
    even_part(dataset_info(t->data.train)->samples, t->world->size, t->world->rank, &first, &count);
    dataset_count_labels(t->data.train, first, count, counts, error);
    if (!world_agree(t->world, error, true)) world_sum_integers(t->world, counts, DATASET_LABELS_MAX);
    return error->status;
}

/* The same weights times a power of two, the largest from 0.5 to below 1. No loss, divided by the sum of its weights,
 * changes by that; none can overflow, and the evaluation counts losses in multiples of 2^-32. */
static void scale_weights(double *scaled, const double *weights, int32_t labels) {
    int exponent;
    double largest = 0.0;
    for (int32_t i = 0; i < labels; i++) largest = fmax(largest, weights[i]);
    frexp(largest, &exponent);
    for (int32_t i = 0; i < labels; i++) scaled[i] = ldexp(weights[i], -exponent);
}

Status trainer_choose_loss(Trainer *t, Error *error) {
    const Settings *s = t->settings;
    const DatasetInfo *info = dataset_info(t->data.train);
    int64_t counts[DATASET_LABELS_MAX] = {0};
    const bool balanced = class_weights_are_balanced(s);
    t->loss = (LossRule){.smoothing = s->label_smoothing_factor, .gamma = s->focal_gamma};
    if (!s->class_weights || (balanced && count_labels(t, counts, error))) return error->status;
    t->class_weights = memory_allocate((size_t)info->labels, sizeof *t->class_weights, error);
    t->scaled_weights = memory_allocate((size_t)info->labels, sizeof *t->scaled_weights, error);
    if (!error->status) class_weights_read(t->class_weights, s, info, balanced ? counts : NULL, error);
    if (world_agree(t->world, error, true)) return error->status;
    scale_weights(t->scaled_weights, t->class_weights, info->labels);
    t->loss.weights = t->scaled_weights;
    return STATUS_OK;
}

double trainer_loss_weight(const Trainer *t, const GlobalBatch *global_batch) {
    return t->language ? (double)global_batch->predictions : global_batch->weight;
}

double trainer_loss_scale(const Trainer *t, const GlobalBatch *global_batch) {
    const double weight = trainer_loss_weight(t, global_batch);
    return weight > 0.0 ? 1.0 / weight : 0.0;
}

/* "negative 1.19, neutral 0.82, positive 1.07", as far as there is room. */
static void list_weights(const Trainer *t, char *text, size_t room) {
    const DatasetInfo *info = dataset_info(t->data.train);
    size_t used = 0;
    for (int32_t i = 0; i < info->labels; i++) {
        char name[80], item[128];
        escape_text(ESCAPE_MESSAGE, info->label_names[i], strlen(info->label_names[i]), name, sizeof name);
        const int size = snprintf(item, sizeof item, "%s%s %.6g", i > 0 ? ", " : "", name, t->class_weights[i]);
        if (used + (size_t)size + sizeof ", ..." > room) {
            snprintf(text + used, room - used, ", ...");
            return;
        }
        memcpy(text + used, item, (size_t)size + 1);
        used += (size_t)size;
    }
}

void trainer_tell_loss(const Trainer *t) {
    const Settings *s = t->settings;
    char focal[64] = "cross-entropy", weights[400] = "";
    if (s->focal_gamma == 0.0 && !t->class_weights) return;
    if (s->focal_gamma > 0.0) snprintf(focal, sizeof focal, "focal, gamma %g", s->focal_gamma);
    if (t->class_weights) list_weights(t, weights, sizeof weights);
    log_info("loss      %s%s%s%s", focal, t->class_weights ? "; class weights: " : "", weights,
             class_weights_are_balanced(s) ? " (balanced)" : "");
}
