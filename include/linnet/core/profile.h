#ifndef LINNET_CORE_PROFILE_H
#define LINNET_CORE_PROFILE_H
/** Where a rank's time goes: regions of code that nest. A region is charged with its time outside the regions inside
 *  it, and with its floating-point operations. What runs inside an evaluation is charged to the evaluation, so that
 *  the other figures are those of training; the trace has every region by its own name. With a NULL Profile every
 *  function does nothing, so callers need not ask. One thread uses a Profile. Not collective. */
#include "linnet/core/error.h"

typedef enum {
    REGION_DATA,
    REGION_FORWARD,
    REGION_ATTENTION, /**< in both passes */
    REGION_BACKWARD,
    REGION_REDUCTION,  /**< waiting for gradients of other ranks and summing late ones */
    REGION_ALL_GATHER, /**< waiting for parameters of other ranks */
    REGION_OPTIMIZER,
    REGION_EVALUATION,
    REGION_SAVE,
    REGION_COUNT
} Region;

typedef struct Profile Profile;

Status profile_create(Profile **profile, Error *error);
void profile_destroy(Profile *profile);

void profile_enter(Profile *profile, Region region);
/** Leave the region entered last, which did `operations` floating-point operations. */
void profile_leave(Profile *profile, double operations);

const char *region_name(Region region);
double profile_seconds(const Profile *profile, Region region);
double profile_operations(const Profile *profile, Region region);
/** Seconds since the profile was made. */
double profile_elapsed(const Profile *profile);

/** Write every visit of every region as a Chrome trace (chrome://tracing, Perfetto), with the rank as
 *  process number. */
Status profile_save_trace(const Profile *profile, int rank, const char *path, Error *error);

#endif
