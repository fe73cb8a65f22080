#ifndef LINNET_KERNELS_LANGUAGE_HEAD_H
#define LINNET_KERNELS_LANGUAGE_HEAD_H
/** The head of a language model: logits = x · tokenᵀ over the vocabulary, where `token` is the token embedding that the
 *  output layer shares, and the cross-entropy of each row's next token (PyTorch's F.cross_entropy(reduction="none")).
 *
 *  Rows go through it in blocks of LANGUAGE_HEAD_ROWS, so that only a block's logits are in memory at once. A row's loss
 *  and gradient have the same bits whatever other rows are in the call, where linear_batch_invariant(). Not collective;
 *  cannot fail. */
#include "linnet/kernels/linear.h"
#include <stdint.h>

/** Rows of a block. More make the products little faster; a block of GPT-2's vocabulary takes 26 MB. */
#define LANGUAGE_HEAD_ROWS ((size_t)128)

/** What a call works with; all borrowed. */
typedef struct {
    const float *token; /**< [vocabulary, width] */
    size_t vocabulary, width;
    float *logits;          /**< [language_head_logits()] scratch */
    const LinearWork *work; /**< with scratch of language_head_scratch() */
} LanguageHead;

/** Floats of LanguageHead.logits, and of its LinearWork's scratch, for calls of at most `rows` rows. */
size_t language_head_logits(size_t rows, size_t vocabulary);
size_t language_head_scratch(size_t rows, size_t width, size_t vocabulary, size_t threads);

/** losses[r] = −log softmax(x[r] · tokenᵀ)[targets[r]]; 0 where the target is negative: such a row predicts nothing.
 *  losses [rows]            written
 *  x [rows, width], targets [rows]   borrowed */
void language_head_forward(double *losses, const LanguageHead *head, const float *x, const int32_t *targets,
                           size_t rows);
void language_head_forward_ref(double *losses, const LanguageHead *head, const float *x, const int32_t *targets,
                               size_t rows);

/** The losses as above, and the gradients of weight · Σ losses.
 *  dx [rows, width]            written; not x
 *  dtoken [vocabulary, width]  written, or with `accumulate` added to. Float32 sums over the rows in their order, which
 *                              start from the old value */
void language_head_backward(double *losses, float *dx, float *dtoken, const LanguageHead *head, const float *x,
                            const int32_t *targets, size_t rows, double weight, bool accumulate);
void language_head_backward_ref(double *losses, float *dx, float *dtoken, const LanguageHead *head, const float *x,
                                const int32_t *targets, size_t rows, double weight, bool accumulate);

/** The loss of each row of logits and, if `gradient`, weight times its gradient in their place; else the logits hold
 *  anything afterwards. Rows without a target get 0 for both.
 *  losses [rows], targets [rows]
 *  logits [rows, vocabulary]  read and written
 *  Exponentials in float32, summed in Wide lanes over pieces of 1,024 logits, the pieces in float64. NaN where a logit
 *  is NaN or +infinity, or all are −infinity. Parallel over rows. */
void vocabulary_loss(double *losses, float *logits, const int32_t *targets, size_t rows, size_t vocabulary,
                     double weight, bool gradient);
__typeof__(vocabulary_loss) vocabulary_loss_ref;
#endif
