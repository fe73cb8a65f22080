#ifndef LINNET_PLAN_PLAN_PRIVATE_H
#define LINNET_PLAN_PLAN_PRIVATE_H
/* A job as the modules of the run see it. */
#include "linnet/data/loader.h"
#include "linnet/plan/plan.h"

DatasetInfo plan_data(const PlanJob *job);
LoaderPlan plan_loader(const PlanJob *job);

#endif
