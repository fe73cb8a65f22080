#ifndef LINNET_CLI_PLAN_PRINT_H
#define LINNET_CLI_PLAN_PRINT_H
/* What linnet plan prints, on standard output. */
#include "linnet/plan/plan.h"

/* For people. */
void plan_print(const Plan *plan, const PlanConstants *constants, double node_memory);

/* One JSON object, with the figures in bytes and seconds. */
Status plan_print_json(const Plan *plan, Error *error);

/* A row of the Markdown table, with one plan per link; the header comes first. */
void plan_print_header(const double *gbits, int links);
void plan_print_row(const Plan *plans, int links, double node_memory);
/* A row for a number of ranks that is impossible, with the reason. */
void plan_print_refusal(int ranks, int hosts, int links, const char *why);

#endif
