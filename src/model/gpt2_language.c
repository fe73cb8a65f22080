/* A language model's passes: what is its own before and behind the blocks. gpt2.h has the contract. */
#include "linnet/kernels/embedding.h"
#include "linnet/kernels/language_head.h"
#include "model/gpt2_private.h"
#include <assert.h>

/* The next token of each row; the last row of a text has none. */
static void find_targets(Gpt2 *gpt2, const Batch *batch) {
    for (size_t b = 0; b < batch->samples; b++) {
        const size_t end = (size_t)batch->cu_seqlens[b + 1];
        for (size_t r = (size_t)batch->cu_seqlens[b]; r < end; r++)
            gpt2->targets[r] = r + 1 < end ? batch->ids[r + 1] : -1;
    }
}

static LanguageHead head_of(const Gpt2 *gpt2, const Parameters *parameters) {
    return (LanguageHead){.token = parameters->token,
                          .vocabulary = (size_t)gpt2->config->vocabulary,
                          .width = (size_t)gpt2->config->width,
                          .logits = gpt2->logits,
                          .work = &gpt2->products};
}

/* Floating-point operations of the logits alone. */
static double logits_operations(const Gpt2 *gpt2, const Batch *batch) {
    return 2.0 * (double)batch->tokens * (double)gpt2->config->width * (double)gpt2->config->vocabulary;
}

/* Of all before them, in a forward pass. */
static double block_operations(const Gpt2 *gpt2, const Batch *batch) {
    return gpt2_operations(gpt2->config, batch->tokens, batch->samples) - logits_operations(gpt2, batch);
}

/* The loss of each text: the sum of its rows', in their order. */
static void sum_losses(double *losses, const Gpt2 *gpt2, const Batch *batch) {
    for (size_t b = 0; b < batch->samples; b++) {
        losses[b] = 0.0;
        for (int32_t r = batch->cu_seqlens[b]; r < batch->cu_seqlens[b + 1]; r++) losses[b] += gpt2->row_losses[r];
    }
}

void gpt2_language_forward(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *rule) {
    assert(batch->shared_rows == 0);
    profile_enter(gpt2->profile, REGION_FORWARD);
    gpt2_forward_blocks(gpt2, parameters, batch, rule);
    find_targets(gpt2, batch);
    profile_leave(gpt2->profile, block_operations(gpt2, batch));
}

void gpt2_language_loss(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, double *losses) {
    const LanguageHead head = head_of(gpt2, parameters);
    profile_enter(gpt2->profile, REGION_FORWARD);
    language_head_forward(gpt2->row_losses, &head, gpt2->final, gpt2->targets, batch->tokens);
    sum_losses(losses, gpt2, batch);
    profile_leave(gpt2->profile, logits_operations(gpt2, batch));
}

void gpt2_language_backward(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *rule,
                            double weight, double *losses, Gradients *gradients, bool accumulate, BucketDone done,
                            void *context) {
    const Pass pass = {gpt2, parameters, gradients->dense, batch, rule, accumulate};
    const LanguageHead head = head_of(gpt2, parameters);
    float *dtoken = gradients->dense + gpt2->learned->token.offset;
    const Segments rows = batch_row_segments(batch);
    assert(batch->units == 1);
    profile_enter(gpt2->profile, REGION_BACKWARD);
    language_head_backward(gpt2->row_losses, gpt2->dbranch, dtoken, &head, gpt2->final, gpt2->targets, batch->tokens,
                           weight, accumulate);
    sum_losses(losses, gpt2, batch);
    gpt2_backward_blocks(&pass, done, context);
    embedding_index_add(dtoken, gpt2->dstream, batch->ids, head.vocabulary, &rows, head.width, gpt2->token_links);
    if (done) done(context, 0);
    double operations = 2.0 * block_operations(gpt2, batch) + 3.0 * logits_operations(gpt2, batch);
    if (gpt2->checkpointing) operations += gpt2_repeated_operations(gpt2->config, gpt2->learned, batch->tokens);
    profile_leave(gpt2->profile, operations);
    gradients->residual = gpt2->dstream;
}
