/* Whether the settings and the data sets are for one kind of labels. */
#include "train/trainer_state.h"

Status trainer_require_samples(const Trainer *t, Dataset *dataset, Error *error) {
    return (t->language ? dataset_require_predictions : dataset_require_labels)(dataset, error);
}

Status trainer_check_problem(const Trainer *t, Error *error) {
    const Settings *s = t->settings;
    const Problem problem = dataset_info(t->data.train)->problem;
    const char *setting = s->label_smoothing_factor > 0 ? "label_smoothing_factor"
                          : s->class_weights            ? "class_weights"
                          : s->focal_gamma > 0          ? "focal_gamma"
                                                        : NULL;
    if (t->language || !problem_has_targets(problem) || !setting) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: needs samples with a single label, but train_file, %s, is for %s",
                     setting, s->train_file, problem_name(problem));
}

Status trainer_check_same_problem(const Trainer *t, const Dataset *eval, const char *path, Error *error) {
    const Problem trained = dataset_info(t->data.train)->problem, evaluated = dataset_info(eval)->problem;
    if (t->language || trained == evaluated) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "eval_file: %s is for %s, but train_file, %s, for %s", path,
                     problem_name(evaluated), t->settings->train_file, problem_name(trained));
}
