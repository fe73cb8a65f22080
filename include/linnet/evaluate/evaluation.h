#ifndef LINNET_EVALUATE_EVALUATION_H
#define LINNET_EVALUATE_EVALUATION_H
/** Evaluation of a data set by all ranks: batches of consecutive samples, dealt to the ranks in turn. What runs
 *  together does not depend on the number of ranks, and counts are summed exactly: the same numbers, to the last
 *  bit, on any number of ranks. */
#include "linnet/comm/world.h"
#include "linnet/data/dataset.h"
#include "linnet/evaluate/metrics.h"
#include "linnet/model/gpt2.h"

/** What a rank runs samples with; all borrowed. */
typedef struct {
    const World *world;
    Gpt2 *gpt2;
    const Parameters *parameters;
    Batch *batch;
    BatchRule rule;
    bool (*stop)(void); /**< asked in the middle whether this rank wants to stop; NULL: it never does */
} Evaluator;

/** Open a token file and check this rank's share of its samples; all ranks together check all of them. Collective. */
Status evaluate_open_data(const World *world, Dataset **dataset, const char *path, Error *error);

/** Where logits go: rank 0 is told those of samples first … first + count − 1 [count, labels], some thousand at a time,
 *  in the data set's order. Not collective; an error ends the evaluation on all ranks. */
typedef struct {
    Status (*take)(void *context, int64_t first, int64_t count, const double *logits, Error *error);
    void *context;
} LogitsSink;

/** Run all samples, `batch_size` at a time, and count them into *metrics, on every rank the same. `logits` is NULL
 *  where they are not wanted, on all ranks alike. STATUS_STOPPED, which nobody prints, when any rank wants to stop: all
 *  leave within two rounds of batches. Memory does not grow with the data set. Collective. */
Status evaluate_run(const Evaluator *evaluator, Dataset *dataset, int64_t batch_size, Metrics *metrics,
                    const LogitsSink *logits, Error *error);

#endif
