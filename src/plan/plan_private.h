#ifndef LINNET_PLAN_PLAN_PRIVATE_H
#define LINNET_PLAN_PLAN_PRIVATE_H
/* What cost and memory of a plan both rest on: the pieces of the summing tree, see reduction.h. */
#include "linnet/data/loader.h"
#include "linnet/plan/plan.h"

/* Of an update. Each figure is that of the rank or host that has most. */
typedef struct {
    double runs;     /* of a rank: batches that its units go through the model in, */
    double subtrees; /* subtrees of them that are run at once, or in several batches where one unit is larger, */
    double joins;    /* and additions of these within the rank */
    double sent;     /* pieces that a host sends each owner elsewhere */
    double made;     /* of these, those that have to be put together first, from … */
    double parts;    /* … so many sums in slots */
    double local;    /* sums that lie in the slots of an owner's own host, */
    double remote;   /* and pieces that come to it from others */
} PlanPieces;

PlanPieces plan_pieces(const PlanJob *job);

/* The job as its feed sees it. */
LoaderPlan plan_loader(const PlanJob *job);
DatasetInfo plan_data(const PlanJob *job);

/* unit_groups_unsplit() of the job. */
bool plan_runs_whole(const PlanJob *job);

/* Bytes of a float of a gradient on its way between hosts. */
double plan_wire_bytes(const PlanJob *job);

/* Floats of a gradient, rows of a global batch among them. */
double plan_row_floats(const PlanJob *job);
double plan_gradient_floats(const PlanJob *job);

#endif
