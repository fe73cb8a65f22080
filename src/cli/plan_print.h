#ifndef LINNET_CLI_PLAN_PRINT_H
#define LINNET_CLI_PLAN_PRINT_H
/* What linnet plan prints, on standard output. */
#include "linnet/plan/plan.h"

/* A plan worked out. */
typedef struct {
    PlanJob job;
    PlanMemory memory;
    PlanCost cost;
    double efficiency;
} Planned;

/* For people. */
void plan_print(const Planned *planned, const PlanConstants *constants, double node_memory);

/* One JSON object, with the figures in bytes and seconds. */
Status plan_print_json(const Planned *planned, Error *error);

/* A row of the Markdown table, one Planned a link; the header first. */
void plan_print_header(const double *gbits, int links);
void plan_print_row(const Planned *planned, int links, double node_memory);
/* A row of a number of ranks that cannot be: why. */
void plan_print_refusal(int ranks, int hosts, int links, const char *why);

#endif
