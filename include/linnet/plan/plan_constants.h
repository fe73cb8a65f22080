#ifndef LINNET_PLAN_PLAN_CONSTANTS_H
#define LINNET_PLAN_PLAN_CONSTANTS_H
/** The constants of a machine that `linnet plan` computes with: measured, and kept in a JSON file. */
#include "linnet/comm/links.h"
#include "linnet/comm/world.h"

enum { PLAN_RATES = 8 };

typedef struct {
    int32_t ranks, nodes, threads; /**< that measured at the same time: ranks of a node share its memory and caches */
    int32_t width, inner, heads;   /**< of the layers that were run */
    bool bf16;                     /**< products in bfloat16 */
    int32_t rates;                 /**< entries of tokens and gflops, at least 1 */
    double tokens[PLAN_RATES];     /**< of a micro-batch, ascending */
    double gflops[PLAN_RATES]; /**< of a rank: operations of the products of both passes over the time of the passes */
    double adamw_bandwidth;    /**< bytes per second that AdamW reads and writes on a rank */
    double add_bandwidth;      /**< the same for the addition of two arrays */
    double program_bytes;      /**< resident after MPI's start, before anything is loaded */
    Link node, network;        /**< network: all 0 if only one node measured */
} PlanConstants;

Status plan_constants_save(const PlanConstants *constants, const char *path, Error *error);
/** STATUS_INPUT names file and key. */
Status plan_constants_load(PlanConstants *constants, const char *path, Error *error);

/** What is measured: layers of this shape, on texts of this length. */
typedef struct {
    int32_t width, inner, heads, layers; /**< layers: the most that are run */
    int32_t positions;
    double sample_tokens; /**< mean length of a text */
    bool bf16;
} PlanShape;

/** GPT-2 small on texts of the length of tweets. */
PlanShape plan_shape_default(void);

/** Measure this machine (about ten seconds for GPT-2 small). All ranks compute at the same time, as they do in
 *  training, and get the same constants. In bfloat16 only if all ranks can. Collective. */
Status plan_measure(const World *world, const PlanShape *shape, int threads, PlanConstants *constants, Error *error);

#endif
