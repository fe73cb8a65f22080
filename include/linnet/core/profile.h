#ifndef LINNET_CORE_PROFILE_H
#define LINNET_CORE_PROFILE_H
/** Where a rank's time goes: phases that nest, each charged with the time not spent in a phase inside it, and the
 *  floating-point operations done in it. What is inside an evaluation is charged to that, so that the passes' own
 *  figures are those of training; the trace has every stretch by its own name. With a NULL Profile every function does
 *  nothing, so that callers need not ask. One thread uses a Profile. Not collective. */
#include "linnet/core/error.h"

typedef enum {
    REGION_DATA,
    REGION_FORWARD,
    REGION_ATTENTION, /**< of both passes */
    REGION_BACKWARD,
    REGION_REDUCTION,  /**< waiting for gradients of other ranks and summing what came late */
    REGION_ALL_GATHER, /**< waiting for parameters of other ranks */
    REGION_OPTIMIZER,
    REGION_EVALUATION,
    REGION_SAVE,
    REGION_COUNT
} Region;

typedef struct Profile Profile;

Status profile_create(Profile **profile, Error *error);
void profile_destroy(Profile *profile);

void profile_enter(Profile *profile, Region phase);
/** Leave the phase entered last, in which `operations` floating-point operations were done. */
void profile_leave(Profile *profile, double operations);

const char *region_name(Region phase);
double profile_seconds(const Profile *profile, Region phase);
double profile_operations(const Profile *profile, Region phase);
/** Seconds since the profile was made. */
double profile_elapsed(const Profile *profile);

/** Write every stretch of every phase as a Chrome trace (chrome://tracing, Perfetto), process number `rank`. */
Status profile_save_trace(const Profile *profile, int rank, const char *path, Error *error);

#endif
