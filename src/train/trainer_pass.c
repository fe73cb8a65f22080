/* The passes over a batch: what differs between a classifier and a language model. */
#include "linnet/kernels/loss.h"
#include "linnet/kernels/target_loss.h"
#include "train/trainer_state.h"

/* The losses of the batch from its logits, and their gradient; `rule` is of samples with a single label. */
static void classifier_loss(const Trainer *t, const float *logits, float *dlogits, const LossRule *rule,
                            double weight) {
    const Batch *batch = &t->batch;
    const Problem problem = t->model.config.problem;
    const size_t labels = (size_t)t->model.config.labels;
    if (problem_has_targets(problem))
        target_loss(problem, t->update.losses, dlogits, logits, batch->targets, batch->samples, labels, weight);
    else
        loss_forward_backward(t->update.losses, dlogits, logits, batch->labels, batch->samples, labels, rule, weight);
}

static void classifier_pass(Trainer *t, const DropoutRule *dropout, double weight, Gradients *gradients,
                            bool accumulate, BucketDone done, void *context) {
    const Batch *batch = &t->batch;
    const LossRule plain = {0};
    const float *logits = gpt2_forward(t->gpt2, &t->model.parameters, batch, dropout);
    classifier_loss(t, logits, gradients ? t->update.dlogits : NULL, gradients ? &t->loss : &plain, weight);
    if (gradients)
        gpt2_backward(t->gpt2, &t->model.parameters, batch, dropout, t->update.dlogits, gradients, accumulate, done,
                      context);
}

static void language_pass(Trainer *t, const DropoutRule *dropout, double weight, Gradients *gradients, bool accumulate,
                          BucketDone done, void *context) {
    const Batch *batch = &t->batch;
    gpt2_language_forward(t->gpt2, &t->model.parameters, batch, dropout);
    if (gradients)
        gpt2_language_backward(t->gpt2, &t->model.parameters, batch, dropout, weight, t->update.losses, gradients,
                               accumulate, done, context);
    else
        gpt2_language_loss(t->gpt2, &t->model.parameters, batch, t->update.losses);
}

void trainer_pass(Trainer *t, const DropoutRule *dropout, double weight, Gradients *gradients, bool accumulate,
                  BucketDone done, void *context) {
    (t->language ? language_pass : classifier_pass)(t, dropout, weight, gradients, accumulate, done, context);
}
