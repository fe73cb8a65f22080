/* What a configuration names, and how well constants fit it. */
#include "linnet/core/log.h"
#include "linnet/kernels/linear.h"
#include "linnet/plan/plan.h"
#include "linnet/settings/class_weights.h"

#define GOODPUT 0.94 /* of the bits of an Ethernet link: TCP's payload is 1,448 of a frame's 1,538 bytes */

/* Warn as training does of samples that are longer than the model's positions. */
static void warn_longer(Dataset *dataset, int32_t positions, Error *error) {
    int64_t longer = 0;
    if (dataset_longer(dataset, 0, dataset_info(dataset)->samples, positions, &longer, error)) return;
    dataset_warn_longer(dataset_info(dataset), longer, positions);
}

/* A file to evaluate on must fit the model. */
static void check_evaluated(const PlanSubject *subject, const char *path, Error *error) {
    Dataset *evaluated = NULL;
    if (!dataset_open(&evaluated, path, error) &&
        !model_check_data(&subject->model.config, subject->model.tokenizer, dataset_info(evaluated),
                          subject->settings.model_name_or_path, error))
        warn_longer(evaluated, subject->model.config.positions, error);
    dataset_close(evaluated);
}

/* Whether the training data serve the objective, and what head the model then has. */
static Status require_fitting(const PlanSubject *subject, HeadRule *head, Error *error) {
    const Settings *s = &subject->settings;
    if (s->ignore_mismatched_sizes) *head = HEAD_ANY;
    if (s->objective != OBJECTIVE_LANGUAGE) return dataset_require_labels(subject->dataset, error);
    *head = HEAD_LANGUAGE;
    return dataset_require_predictions(subject->dataset, error);
}

/* Whether the class weights fit the labels. Whether each label has a sample, as balanced ones need, only training finds. */
static Status check_weights(const PlanSubject *subject, Error *error) {
    const Settings *s = &subject->settings;
    double weights[DATASET_LABELS_MAX];
    if (!s->class_weights || class_weights_are_balanced(s)) return STATUS_OK;
    return class_weights_read(weights, s, dataset_info(subject->dataset), NULL, error);
}

Status plan_subject_open(PlanSubject *subject, const char *config, const char *const *overrides, size_t count,
                         Error *error) {
    Settings *s = &subject->settings;
    if (settings_load(s, config, overrides, count, error)) return error->status;
    const AdapterConfig lora = learned_adapter(s);
    ModelSource source = {.path = s->model_name_or_path, .lora = lora.rank > 0 ? &lora : NULL};
    if (dataset_open(&subject->dataset, s->train_file, error) == STATUS_OK &&
        require_fitting(subject, &source.head, error) == STATUS_OK && check_weights(subject, error) == STATUS_OK &&
        model_describe(&subject->model, &source, dataset_info(subject->dataset), error) == STATUS_OK &&
        learned_make(&subject->learned, &subject->model.layout, subject->model.adapter, s, error) == STATUS_OK)
        warn_longer(subject->dataset, subject->model.config.positions, error);
    for (size_t i = 0; i < s->eval_file.count && error->status == STATUS_OK; i++)
        check_evaluated(subject, s->eval_file.files[i].path, error);
    return error->status;
}

void plan_subject_close(PlanSubject *subject) {
    learned_free(&subject->learned);
    model_close(&subject->model);
    dataset_close(subject->dataset);
    settings_free(&subject->settings);
}

PlanShape plan_subject_shape(const PlanSubject *subject) {
    const ModelConfig *c = &subject->model.config;
    const DatasetInfo *info = dataset_info(subject->dataset);
    return (PlanShape){.width = c->width,
                       .inner = c->inner,
                       .heads = c->heads,
                       .layers = c->layers,
                       .positions = c->positions,
                       .sample_tokens = (double)info->tokens / (double)info->samples,
                       .bf16 = subject->settings.bf16};
}

Status plan_choose_network(PlanConstants *c, double gbit, double microseconds, const char *path, Error *error) {
    Link *net = &c->network;
    double share =
        net->bandwidth > 0.0 ? net->overlapped_bandwidth / net->bandwidth : 1.0; /* reached while computing */
    if (gbit > 0.0) net->bandwidth = GOODPUT * gbit * 1e9 / 8.0;
    net->overlapped_bandwidth = share * net->bandwidth;
    if (microseconds > 0.0) net->latency = microseconds * 1e-6;
    if (net->overhead <= 0.0) net->overhead = c->node.overhead;
    if (net->bandwidth > 0.0 && net->latency > 0.0 && net->overhead > 0.0) return STATUS_OK;
    if (net->overhead > 0.0)
        return error_set(error, STATUS_INPUT,
                         "%s does not have the network between hosts: measure under mpirun on two hosts, or give "
                         "--link-gbit and --latency-us",
                         path);
    return error_set(error, STATUS_INPUT,
                     "%s does not have the cost of messages, since a single rank measured: measure under mpirun on at "
                     "least two ranks",
                     path);
}

void plan_compare(const PlanConstants *c, const char *path, const PlanSubject *subject, const char *config, int ranks,
                  int hosts) {
    const ModelConfig *model = &subject->model.config;
    bool bf16 = subject->settings.bf16;
    if (c->width != model->width || c->inner != model->inner || c->heads != model->heads || c->bf16 != bf16)
        log_warning(
            "%s was measured with width %d, inner width %d, %d heads, %s; the model has %d, %d, %d, %s: measure "
            "with linnet plan --measure %s",
            path, c->width, c->inner, c->heads, c->bf16 ? "bf16" : "float32", model->width, model->inner, model->heads,
            bf16 ? "bf16" : "float32", config);
    int64_t threads = subject->settings.threads_per_rank;
    if (threads > 0 && threads != c->threads)
        log_warning("%s was measured with %d threads per rank, the run has %lld: measure with the same number", path,
                    c->threads, (long long)threads);
    if (c->ranks / c->nodes != ranks / hosts)
        log_warning(
            "%s was measured with %d ranks per host, the run has %d, which share memory and caches: measure with "
            "the same number",
            path, c->ranks / c->nodes, ranks / hosts);
}
