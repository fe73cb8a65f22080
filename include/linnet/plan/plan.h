#ifndef LINNET_PLAN_PLAN_H
#define LINNET_PLAN_PLAN_H
/** What a run will need, before it is submitted: memory, bytes sent, seconds per update. The counts come from the
 *  modules that send, allocate and batch in the run itself; the times from a model (docs/explanation/scaling.md has
 *  its formulas) with the constants of a machine. Nothing here is collective. */
#include "linnet/data/dealer.h"
#include "linnet/model/model.h"
#include "linnet/optim/learned.h"
#include "linnet/plan/plan_constants.h"
#include "linnet/settings/settings.h"

/** What a configuration names: of model and data everything but weights and texts. */
typedef struct {
    Settings settings;
    Dataset *dataset;
    Model model;     /**< described, not loaded */
    Learned learned; /**< what learns of it */
} PlanSubject;

/** Open a configuration with its overrides [count], with the same checks as training. plan_subject_close() also after
 *  an error. */
Status plan_subject_open(PlanSubject *subject, const char *config, const char *const *overrides, size_t count,
                         Error *error);
void plan_subject_close(PlanSubject *subject);

/** The shape of its model and texts. */
PlanShape plan_subject_shape(const PlanSubject *subject);

/** Of an update. Each figure is that of the busiest rank or host. */
typedef struct {
    int buffers, host_buffers;  /**< gradient buffers of a rank; of all ranks of a host */
    double gradient_messages;   /**< that a rank sends to other hosts */
    double host_gradient_bytes; /**< that a host sends to others */
    double value_messages;      /**< new parameters: messages that a rank sends to other hosts */
    double host_value_bytes;    /**< that a host sends to others */
    double sum_bytes;           /**< that a rank reads and writes to sum gradients of several ranks */
    double message_bytes;       /**< memory of a rank for gradients from other hosts and for them */
    double batches;             /**< micro-batches of a rank */
    double subtrees;            /**< subtrees of its reduction units that it computes each at once */
    double joins;               /**< sums of two of these within the rank */
    double buffer_floats;       /**< of a gradient that are in use: dense and embedding rows */
    double row_floats;          /**< of these, embedding rows */
} PlanCounts;

/** A run on a number of ranks. */
typedef struct {
    const Settings *settings;       /**< borrowed */
    const ModelConfig *config;      /**< borrowed */
    const ParameterLayout *layout;  /**< of the model; borrowed */
    const ParameterLayout *learned; /**< of what learns of it (learned.h); borrowed */
    CostModel cost_model;           /**< what the samples cost */
    int ranks, hosts;               /**< hosts divides ranks */
    int64_t samples;                /**< of the token file */
    Problem problem;                /**< likewise */
    int32_t labels;                 /**< likewise */
    int64_t tokens;
    int32_t longest;       /**< tokens of a text */
    int32_t position_rows; /**< position embedding rows that learn: tokens that the model reads of a text */
    int64_t global_batch, units, updates; /**< updates of the run */
    /* from samples of the token file */
    double global_batch_tokens; /**< mean over global batches */
    double busiest_tokens;      /**< of the rank with most tokens, mean over global batches */
    /* 0 where the embeddings do not learn, as position_rows */
    double global_batch_rows; /**< token embedding rows that a global batch touches, mean */
    double touched_rows;      /**< token embedding rows touched so far, mean over the updates of the run */
    double ever_rows;         /**< token embedding rows touched at its end */
    PlanCounts counts;
} PlanJob;

/** Fill a job. STATUS_INPUT: more ranks than a global batch has samples or reduction units. */
Status plan_job(PlanJob *job, const Settings *settings, const ModelConfig *config, const ParameterLayout *layout,
                const ParameterLayout *learned, Dataset *dataset, int ranks, int hosts, Error *error);

/** The same global batches on one rank. */
Status plan_alone(const PlanJob *job, PlanJob *alone, Error *error);

/** Fill job->counts from the rest of the job. */
Status plan_count(PlanJob *job, Error *error);

/** Bytes at most. */
typedef struct {
    double weights;    /**< dense parameters, shared by the ranks of a node */
    double embeddings; /**< of a rank, as is all that follows */
    double gradients;  /**< gradient buffers, in the shared memory of the node */
    double received;   /**< gradients from other nodes and for them, embedding rows of other ranks */
    double moments;
    double activations; /**< of the largest micro-batch */
    double data;
    double order; /**< part of data: the order of all samples */
    double program;
    double rank;   /**< all of a rank, without what is shared */
    double node;   /**< all of a node */
    double shared; /**< part of it: in /dev/shm */
    double saving; /**< in addition, on rank 0 while a checkpoint is written in the background: its copy */
} PlanMemory;

void plan_memory(const PlanJob *job, const PlanConstants *constants, PlanMemory *memory);

/** Seconds of an update by what takes them, and bytes that the busiest host sends. */
typedef struct {
    double passes;                           /**< forward and backward */
    double sums;                             /**< adding gradients */
    double optimizer;                        /**< AdamW */
    double gradients;                        /**< waiting for gradients, and slowdown of the passes by messages */
    double weights;                          /**< the same for new parameters */
    double rows;                             /**< sending embedding rows */
    double totals;                           /**< small collective calls */
    double seconds;                          /**< all of them */
    double gradients_hidden, weights_hidden; /**< sent while computing: not counted */
    double gradient_bytes, weight_bytes, row_bytes;
} PlanCost;

void plan_cost(const PlanJob *job, const PlanConstants *constants, PlanCost *cost);

/** Name of the part, apart from the passes, that takes longest. */
const char *plan_bound(const PlanCost *cost);

/** Speedup of a job over the same global batches on one rank, `alone`, divided by the number of ranks. */
double plan_efficiency(const PlanJob *job, const PlanJob *alone, const PlanConstants *constants);

typedef struct {
    PlanJob job;
    PlanMemory memory;
    PlanCost cost;
    double efficiency; /**< plan_efficiency() */
} Plan;

/** Plan a run of the subject. STATUS_INPUT as plan_job(). */
Status plan_make(Plan *plan, const PlanSubject *subject, const PlanConstants *constants, int ranks, int hosts,
                 Error *error);

/** Replace the network of the constants by a link of `gbit` Gb/s and a latency of `microseconds`, each unless it is 0.
 *  STATUS_INPUT, which names the constants' file `path`, if the network is unknown then. */
Status plan_choose_network(PlanConstants *constants, double gbit, double microseconds, const char *path, Error *error);

/** Warn if the constants in the file `path` were measured with another model or layout than the run of `config`. */
void plan_compare(const PlanConstants *constants, const char *path, const PlanSubject *subject, const char *config,
                  int ranks, int hosts);

#endif
