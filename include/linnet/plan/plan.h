#ifndef LINNET_PLAN_PLAN_H
#define LINNET_PLAN_PLAN_H
/** What a run will need before it is submitted: memory, bytes sent, seconds an update. A model of what the program
 *  does (docs/explanation/scaling.md has its formulas), with constants measured on the machine in question. */
#include "linnet/comm/links.h"
#include "linnet/comm/world.h"
#include "linnet/data/dataset.h"
#include "linnet/model/model_config.h"
#include "linnet/model/parameters.h"
#include "linnet/settings/settings.h"

enum { PLAN_RATES = 8 };

/** The machine, as plan_measure() found it. Saved as JSON. */
typedef struct {
    int32_t ranks, nodes, threads; /**< that measured together: neighbours share a node's memory and caches */
    int32_t width, inner, heads;   /**< of the layers that were run */
    bool bf16;                     /**< products in bf16 */
    int32_t rates;                 /**< entries of tokens and gflops that are used, at least 1 */
    double tokens[PLAN_RATES];     /**< of a micro-batch, rising */
    double gflops[PLAN_RATES];     /**< products' operations of both passes over the passes' whole time, a rank */
    double adamw_bandwidth;        /**< bytes a second that a rank's AdamW reads and writes */
    double add_bandwidth;          /**< the same of adding two arrays */
    double program_bytes;          /**< resident after MPI's start, before anything is loaded */
    Link node, network;            /**< network: all 0 when one node measured */
} PlanConstants;

Status plan_constants_save(const PlanConstants *constants, const char *path, Error *error);
/** STATUS_INPUT names file and key. */
Status plan_constants_load(PlanConstants *constants, const char *path, Error *error);

/** What the measured layers are like. */
typedef struct {
    int32_t width, inner, heads, layers; /**< layers: at most so many are run */
    int32_t positions;
    double sample_tokens; /**< mean length of a text */
    bool bf16;
} PlanShape;

/** Take the constants from this machine: about ten seconds for GPT-2 small. All ranks measure at the same time, as they
 *  compute in training; the same on all ranks. Collective. */
Status plan_measure(const World *world, const PlanShape *shape, int threads, PlanConstants *constants, Error *error);

/** What is to run. */
typedef struct {
    const Settings *settings;      /**< borrowed */
    const ModelConfig *config;     /**< borrowed */
    const ParameterLayout *layout; /**< borrowed */
    int ranks, hosts;              /**< hosts divides ranks */
    int64_t samples;               /**< of the token file */
    int64_t tokens;
    int32_t longest;                      /**< tokens */
    int64_t global_batch, units, updates; /**< updates of the whole run */
    /* from samples looked at */
    double global_batch_tokens; /**< mean over global batches */
    double busiest_tokens;      /**< of the rank that has most, mean over global batches */
    double global_batch_rows;   /**< token rows that a global batch touches, mean */
    double touched_rows;        /**< token rows ever touched, mean over the run's updates */
    double ever_rows;           /**< at its end */
} PlanJob;

/** Fill a job for a number of ranks. STATUS_INPUT: more ranks than a global batch has samples or units. */
Status plan_job(PlanJob *job, const Settings *settings, const ModelConfig *config, const ParameterLayout *layout,
                Dataset *dataset, int ranks, int hosts, Error *error);

/** Bytes at the most. */
typedef struct {
    double weights;   /**< a node's ranks share them */
    double tables;    /**< a rank, as all below */
    double gradients; /**< in the node's shared memory */
    double received;  /**< pieces of gradients from other nodes and for them, rows of the tables */
    double moments;
    double activations; /**< of the largest unit there can be */
    double data;
    double order; /**< in data: the order of all samples */
    double program;
    double rank;   /**< all of a rank but what is shared */
    double node;   /**< all of a node */
    double shared; /**< of that in /dev/shm */
    double saving; /**< rank 0's copy besides, in neither, while a checkpoint is written in the background */
} PlanMemory;

void plan_memory(const PlanJob *job, const PlanConstants *constants, PlanMemory *memory);

/** Seconds of an update, by what they go to, and bytes that the busiest node sends over the network. */
typedef struct {
    double passes;                           /**< forward and backward */
    double sums;                             /**< adding gradients */
    double optimizer;                        /**< AdamW */
    double gradients;                        /**< waiting for gradients, and what passes lose to messages meanwhile */
    double weights;                          /**< the same of new weights */
    double rows;                             /**< sending embedding rows */
    double totals;                           /**< small collective calls */
    double seconds;                          /**< all of them */
    double gradients_hidden, weights_hidden; /**< sent while computing: not counted */
    double gradient_bytes, weight_bytes, row_bytes;
} PlanCost;

void plan_cost(const PlanJob *job, const PlanConstants *constants, PlanCost *cost);

/** The same global batches on one rank. */
PlanJob plan_alone(const PlanJob *job);

/** Speedup over one rank with the same global batches, over the number of ranks. */
double plan_efficiency(const PlanJob *job, const PlanConstants *constants, const PlanCost *cost);

/** Name of the part beside the passes that takes longest. */
const char *plan_bound(const PlanCost *cost);

#endif
