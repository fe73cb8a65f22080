#ifndef LINNET_REPORT_REPORT_RUN_H
#define LINNET_REPORT_REPORT_RUN_H
/* What the page tells of a run, read from its output folder. */
#include "linnet/checkpoint/run_state.h"
#include "linnet/core/error.h"
#include "linnet/evaluate/metrics.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef enum { RUN_FINISHED, RUN_UNDER_WAY, RUN_STOPPED } RunProgress;

/* Values over steps, rising. A value that is null in the log is NaN. */
typedef struct {
    size_t count;
    double *step, *value; /* [count] owned */
} Series;

/* The table of eval_predictions.tsv. */
typedef struct {
    int64_t count; /* 0: there is none */
    int32_t labels;
    char **label_names;      /* [labels] as the file has them: control characters are escaped */
    int64_t *rows;           /* [count] in the source table */
    uint16_t *truth, *guess; /* [count] */
    float *probabilities;    /* [count, labels] NaN where the file says null */
    char missing[512];       /* why there is none, a sentence */
    Metrics *metrics;        /* counted from the table, without losses */
    int64_t step;            /* of the evaluation in the log that has its accuracy; -1: none has */
} RunPredictions;

/* The evaluation data, as far as it can be opened. */
typedef struct {
    int32_t *lengths;  /* [predictions.count] tokens; NULL: not known */
    char **texts;      /* [predictions.count] decoded where a table shows them, else NULL; NULL: none */
    size_t *sizes;     /* [predictions.count] bytes of the texts */
    char missing[512]; /* why there are no lengths or no texts */
} RunTexts;

/* Seconds, by what they were spent on. */
enum { RUN_TIMES_MAX = 12 };
typedef struct {
    size_t count;
    const char *name[RUN_TIMES_MAX];
    double seconds[RUN_TIMES_MAX];
    int ranks;          /* of the profile that they are means of; 0: they are from the log */
    bool since_restart; /* the log's total is that of the last start alone, and is left out */
} RunTimes;

typedef struct {
    const char *path; /* borrowed */
    char name[256];   /* the folder's name; its path where another run has the same name */
    RunProgress progress;
    cJSON *log;           /* owned: an array of the events of metrics.jsonl */
    const cJSON *summary; /* borrowed from it; NULL: none. What follows it is the evaluation of the best model */
    const cJSON *last_evaluation; /* borrowed; NULL: none */
    int64_t damaged_lines;
    time_t last_written;   /* of metrics.jsonl */
    int64_t total_steps;   /* of the complete run; 0: not known */
    cJSON *settings;       /* owned; NULL: config.resolved.json could not be read */
    const char *eval_name; /* borrowed: of the evaluation file that the page is about; NULL: it has no name */
    const char *eval_path; /* borrowed; NULL: none */
    RunRecord record;
    bool has_model; /* linnet_state.json of a final model or of the newest checkpoint was read into `state` */
    RunState state;
    RunStateParts parts;
    char model_digest[DIGEST_TEXT]; /* of the final model's weights; empty: none */
    RunPredictions predictions;
    RunTexts texts;
    RunTimes times;
} Run;

/* report_run.c: everything but the predictions, their texts and the times. STATUS_INPUT: not a folder of a run. */
Status run_read(Run *run, const char *path, Error *error);
void run_free(Run *run);

/* report_files.c: choose the evaluation file that the page is about: of several with names the one that chooses the best
 * model, else the first. Its fields in the log are called as those of an only file from then on. */
void run_choose_file(Run *run);
/* The names [most], borrowed, of the other files; returns how many. */
size_t run_other_files(const Run *run, const char *names[], size_t most);

/* The values of a key of the training log, up to its summary. To be freed with series_free(). */
Status run_series(const Run *run, const char *key, Series *series, Error *error);
void series_free(Series *series);
/* What the model tells of a text, by the scores of the log. */
Problem run_problem(const Run *run);
/* Whether the run is of a language model, by its last evaluation. */
bool run_is_language(const Run *run);
/* A number of an event; NaN where it is null or absent. */
double event_number(const cJSON *event, const char *key);
/* A setting as a text, NULL where it is null, absent or no text. */
const char *run_setting_text(const Run *run, const char *key);

/* report_predictions.c: read eval_predictions.tsv. A table that is missing or damaged is no error: predictions.missing
 * says why. */
Status run_read_predictions(Run *run, Error *error);
void run_free_predictions(RunPredictions *predictions);

/* report_texts.c: open the evaluation data and take the lengths of its samples and the texts of samples
 * indices [count]. */
Status run_read_texts(Run *run, const int64_t *indices, size_t count, Error *error);
void run_free_texts(Run *run);

/* report_times.c: where the time went, from the profiles in the folder, else from the log. */
Status run_read_times(Run *run, Error *error);

#endif
