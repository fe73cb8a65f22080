#ifndef LINNET_EVALUATE_EVALUATION_H
#define LINNET_EVALUATE_EVALUATION_H
/** Evaluation of a data set by all ranks, which take turns at runs of consecutive samples. Where the numbers of a sample
 *  do not depend on those that run with it (linear_batch_invariant(); rule.share is set then), a rank sorts some thousand
 *  of its samples so that equal beginnings are computed once (batch.h); else the runs are its batches, which do not depend
 *  on the number of ranks. Counts are summed exactly: results have the same bits on any number of ranks. */
#include "linnet/comm/world.h"
#include "linnet/data/dataset.h"
#include "linnet/evaluate/probability_table.h"
#include "linnet/model/gpt2.h"

/** What a rank needs to run samples; all borrowed. */
typedef struct {
    const World *world;
    Gpt2 *gpt2;
    const Parameters *parameters;
    Batch *batch;
    BatchRule rule;
    int32_t labels;                  /**< of the model; 0: a language model, whose rule does not share rows */
    const double *class_weights;     /**< [labels] for the loss, see Metrics; NULL: none */
    ProbabilityTable *probabilities; /**< rank 0: with room for the samples if they fit; on other ranks and with targets
                                          not used */
    int (*stop)(void);               /**< called between batches: not 0 ends the evaluation early; NULL: never */
} Evaluator;

/** Open a token file; the ranks share the work of checking all of its samples. Collective. */
Status evaluate_open_data(const World *world, Dataset **dataset, const char *path, Error *error);

/** Warn, on rank 0, if samples are longer than a model's positions, with their number; the ranks share the work of
 *  counting them. Collective. */
Status evaluate_warn_longer(const World *world, Dataset *dataset, int32_t positions, Error *error);

/** Where logits go: rank 0 calls `take` with those of samples first … first + count − 1 [count, labels], some thousand
 *  at a time, in the order of the data set. `take` is not collective; its error ends the evaluation on all ranks. */
typedef struct {
    Status (*take)(void *context, int64_t first, int64_t count, const double *logits, Error *error);
    void *context;
} LogitsSink;

/** Run all samples, `batch_size` at a time, and count them into *metrics; *scores are theirs. Both are the same on all
 *  ranks. Samples without labels have no scores, but of a language model. `logits` may be NULL, then on all ranks, and is
 *  of a language model. STATUS_STOPPED, which no rank prints, if `stop` says so on any rank: all leave within two rounds
 *  of batches. Memory does not grow with the data set, but for the table of probabilities; with targets rank 0 keeps all
 *  logits and targets meanwhile, 8 bytes each. Collective. */
Status evaluate_run(const Evaluator *evaluator, Dataset *dataset, int64_t batch_size, Metrics *metrics, Scores *scores,
                    const LogitsSink *logits, Error *error);

#endif
