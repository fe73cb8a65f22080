#ifndef LINNET_SWEEP_HALVING_H
#define LINNET_SWEEP_HALVING_H
/* Successive halving (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
 * AISTATS 2016, arXiv:1502.07943): which configurations go on, and how far. Follows from the trials alone, so that a sweep
 * that is started again decides as it did before. */
#include "sweep/trial.h"

typedef struct {
    bool *alive;    /* [configurations] owned */
    int64_t left;   /* configurations that are alive */
    int64_t target; /* evaluations that their trials run for; INT64_MAX: to the end */
} Halving;

Status halving_begin(Halving *halving, const SweepFile *sweep, Error *error);
void halving_end(Halving *halving);

/* Whether a trial has come as far as it should for now. */
bool halving_reached(const Halving *halving, const Trial *trial);

/* While all living trials have: drop the worst configurations and set the next target. Log what was dropped. Does
 * nothing while a living trial has not. */
Status halving_advance(Halving *halving, const SweepFile *sweep, const Trial *trials, Error *error);

#endif
