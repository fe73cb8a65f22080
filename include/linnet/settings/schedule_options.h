#ifndef LINNET_SETTINGS_SCHEDULE_OPTIONS_H
#define LINNET_SETTINGS_SCHEDULE_OPTIONS_H
/** lr_scheduler_type and lr_scheduler_kwargs: the learning rate schedules of Transformers' get_scheduler() and their
 *  options, with its names and defaults (transformers/optimization.py, 5.24). optim/schedule.h computes the rates. */
#include <stdint.h>

typedef enum {
    SCHEDULE_LINEAR,
    SCHEDULE_COSINE,
    SCHEDULE_COSINE_WITH_RESTARTS,
    SCHEDULE_POLYNOMIAL,
    SCHEDULE_CONSTANT,
    SCHEDULE_CONSTANT_WITH_WARMUP,
    SCHEDULE_INVERSE_SQRT,
    SCHEDULE_COSINE_WITH_MIN_LR,
    SCHEDULE_COSINE_WARMUP_WITH_MIN_LR,
    SCHEDULE_WARMUP_STABLE_DECAY,
    SCHEDULE_REDUCE_LR_ON_PLATEAU
} ScheduleKind;

typedef enum { CURVE_LINEAR, CURVE_COSINE, CURVE_ONE_MINUS_SQRT } ScheduleCurve;

typedef enum { PLATEAU_MIN, PLATEAU_MAX } PlateauMode;
typedef enum { PLATEAU_REL, PLATEAU_ABS } ThresholdMode;

/** Arguments of ReduceLROnPlateau, with torch's defaults; optim/plateau.h acts on them. */
typedef struct {
    PlateauMode mode;             /**< which metrics are better */
    double factor;                /**< of the learning rate at a reduction */
    double patience;              /**< evaluations that may be no better before a reduction */
    double threshold;             /**< how much better counts */
    ThresholdMode threshold_mode; /**< relative to the best, or absolute */
    double cooldown;              /**< evaluations after a reduction that do not count */
    double min_lr, eps;           /**< the lowest rate; the smallest reduction that is made */
} PlateauOptions;

/** What a schedule does not use is 0. */
typedef struct {
    double num_cycles;    /**< waves of the cosine; with restarts: how often it starts */
    double lr_end, power; /**< polynomial: the last rate, and the power of what is left */
    double timescale;     /**< inverse_sqrt: updates; 0: the warm-up, or 10,000 without one */
    double min_lr_rate; /**< the lowest rate ÷ learning_rate, also given as min_lr, or min_lr_ratio where so called */
    double warmup_lr_rate; /**< cosine_warmup_with_min_lr: the first rate ÷ learning_rate; negative: not given */
    double num_decay_steps, num_stable_steps; /**< warmup_stable_decay: updates; negative: not given */
    ScheduleCurve warmup_type, decay_type;
    PlateauOptions plateau; /**< reduce_lr_on_plateau */
} ScheduleOptions;

#endif
