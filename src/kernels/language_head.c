/* The head of a language model in blocks of rows, and the plain references. language_head.h has the contract. */
#include "linnet/kernels/language_head.h"
#include "kernels/kernels.h"
#include "linnet/core/elementary.h"
#include "linnet/core/integers.h"
#include <math.h>

size_t language_head_logits(size_t rows, size_t vocabulary) {
    return size_min(rows, LANGUAGE_HEAD_ROWS) * vocabulary;
}

size_t language_head_scratch(size_t rows, size_t width, size_t vocabulary, size_t threads) {
    return linear_scratch(size_min(rows, LANGUAGE_HEAD_ROWS), width, vocabulary, threads);
}

void vocabulary_loss(double *losses, float *logits, const int32_t *targets, size_t rows, size_t vocabulary,
                     double weight, bool gradient) {
    kernels()->vocabulary_loss(losses, logits, targets, rows, vocabulary, weight, gradient);
}

/* As a linear layer with the weight [in, out] = token [vocabulary, width]: its input are the logits. */
static LinearShape shape_of(const LanguageHead *head) {
    return (LinearShape){head->vocabulary, head->width, head->width, head->vocabulary, head->width};
}

/* The losses of a block and, where dx is wanted, the gradients. */
static void run_block(double *losses, float *dx, float *dtoken, const LanguageHead *head, const float *x,
                      const int32_t *targets, size_t rows, double weight, bool accumulate) {
    const LinearShape shape = shape_of(head);
    const size_t starts[] = {0, rows};
    const Segments segments = {1, starts};
    linear_backward_input(head->logits, x, head->token, rows, &shape, head->work);
    vocabulary_loss(losses, head->logits, targets, rows, head->vocabulary, weight, dx != NULL);
    if (!dx) return;
    linear_backward_weight(dtoken, NULL, head->logits, x, &segments, &shape, accumulate, head->work);
    linear_forward(dx, head->logits, head->token, NULL, rows, &shape, head->work);
}

void language_head_forward(double *losses, const LanguageHead *head, const float *x, const int32_t *targets,
                           size_t rows) {
    for (size_t first = 0; first < rows; first += LANGUAGE_HEAD_ROWS)
        run_block(losses + first, NULL, NULL, head, x + first * head->width, targets + first,
                  size_min(LANGUAGE_HEAD_ROWS, rows - first), 0.0, false);
}

void language_head_backward(double *losses, float *dx, float *dtoken, const LanguageHead *head, const float *x,
                            const int32_t *targets, size_t rows, double weight, bool accumulate) {
    for (size_t first = 0; first < rows; first += LANGUAGE_HEAD_ROWS)
        run_block(losses + first, dx + first * head->width, dtoken, head, x + first * head->width, targets + first,
                  size_min(LANGUAGE_HEAD_ROWS, rows - first), weight, accumulate || first > 0);
}

void vocabulary_loss_ref(double *losses, float *logits, const int32_t *targets, size_t rows, size_t vocabulary,
                         double weight, bool gradient) {
    for (size_t r = 0; r < rows; r++) {
        float *row = logits + r * vocabulary;
        double largest = row[0], sum = 0.0;
        for (size_t k = 1; k < vocabulary; k++)
            if (row[k] > largest) largest = row[k];
        for (size_t k = 0; k < vocabulary; k++) sum += elementary_exp(row[k] - largest);
        losses[r] = targets[r] < 0 ? 0.0 : largest + elementary_log(sum) - row[targets[r]];
        for (size_t k = 0; k < vocabulary && gradient; k++) {
            const double p = elementary_exp(row[k] - largest) / sum, wanted = (int32_t)k == targets[r] ? 1.0 : 0.0;
            row[k] = targets[r] < 0 ? 0.0F : (float)(weight * (p - wanted));
        }
    }
}

void language_head_forward_ref(double *losses, const LanguageHead *head, const float *x, const int32_t *targets,
                               size_t rows) {
    const LinearShape shape = shape_of(head);
    for (size_t r = 0; r < rows; r++) {
        linear_backward_input_ref(head->logits, x + r * head->width, head->token, 1, &shape);
        vocabulary_loss_ref(losses + r, head->logits, targets + r, 1, head->vocabulary, 0.0, false);
    }
}

void language_head_backward_ref(double *losses, float *dx, float *dtoken, const LanguageHead *head, const float *x,
                                const int32_t *targets, size_t rows, double weight, bool accumulate) {
    const LinearShape shape = shape_of(head);
    const size_t starts[] = {0, 1};
    const Segments segments = {1, starts};
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * head->width;
        linear_backward_input_ref(head->logits, row, head->token, 1, &shape);
        vocabulary_loss_ref(losses + r, head->logits, targets + r, 1, head->vocabulary, weight, true);
        linear_backward_weight_ref(dtoken, NULL, head->logits, row, &segments, &shape, accumulate || r > 0);
        linear_forward_ref(dx + r * head->width, head->logits, head->token, NULL, 1, &shape);
    }
}
