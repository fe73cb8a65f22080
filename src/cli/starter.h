#ifndef LINNET_CLI_STARTER_H
#define LINNET_CLI_STARTER_H
/* The configuration that linnet init-config prints: values for a model and a data set, each with its reason. */
#include "linnet/plan/plan.h"
#include <stdio.h>

/* What a token file holds. */
typedef struct {
    int64_t samples, tokens, read;      /* read: samples that the rest is from; all of a file of up to 1,048,576 */
    int32_t median, most;               /* tokens of a sample: of half and of 95 % of them at most so many */
    int64_t counts[DATASET_LABELS_MAX]; /* [labels] samples of each label, or to which it applies */
    double sums[DATASET_LABELS_MAX], squares[DATASET_LABELS_MAX]; /* [labels] of each target, with regression */
} Survey;

Status survey_read(Survey *survey, Dataset *dataset, Error *error);

#define STARTER_MAX 24
#define STARTER_VALUE 32

/* A setting and the reason for its value, which stands before it; NULL: that before it. */
typedef struct {
    const char *key, *path; /* path: the value where that is a text of the command line, else NULL */
    char value[STARTER_VALUE], reason[256];
} StarterRow;

typedef struct {
    StarterRow rows[STARTER_MAX];
    size_t count;
} Starter;

/* The settings that do not depend on the plan; texts are borrowed. */
void starter_begin(Starter *starter, const char *model, const char *data, const char *eval, const char *output_dir,
                   int64_t samples);
/* Let the run start with a new head. */
void starter_replace_head(Starter *starter);
/* Put another value and reason in the row of a key. */
void starter_change(Starter *starter, const char *key, const char *value, const char *reason);
/* When to log, evaluate and save, by the planned updates of the run and seconds of an update. */
void starter_schedule(Starter *starter, bool evaluated, Problem problem, int64_t updates, int64_t steps_per_epoch,
                      double seconds);

/* A setting as an override of plan_subject_open(), "--KEY=VALUE", freed with memory_free(). */
char *starter_override(const StarterRow *row, Error *error);

/* "75 s", "12 minutes", "3.4 hours". */
#define DURATION_TEXT 32
void duration_text(double seconds, char text[DURATION_TEXT]);

/* The comments at the start: what was found, and the plan. */
void starter_print_head(FILE *stream, const PlanSubject *subject, const Survey *survey, const Plan *plan,
                        const PlanConstants *constants, const char *config);
/* The object. */
Status starter_print_object(FILE *stream, const Starter *starter, Error *error);

#endif
