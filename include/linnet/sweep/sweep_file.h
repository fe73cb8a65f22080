#ifndef LINNET_SWEEP_SWEEP_FILE_H
#define LINNET_SWEEP_SWEEP_FILE_H
/** The file that describes a sweep: which settings are tried, how the best is told, and what of it comes of a number. Its
 *  keys are those of Weights & Biases' sweep configuration where that has them (method, metric, parameters, run_cap,
 *  early_terminate); docs/how-to/sweep.md has an example. Not collective.
 *
 *  A *configuration* is one choice of values for all parameters but the seed; a *trial* is a run of a configuration with
 *  one of the seeds. Trials are numbered from 0: the seeds of configuration 0, those of configuration 1, … The values of
 *  a configuration depend on the file and the configuration's number alone, so a random sweep with a larger run_cap has
 *  the configurations of the smaller one first. */
#include "linnet/core/error.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    SWEEP_VALUES,      /**< one of a list */
    SWEEP_UNIFORM,     /**< a real number from minimum to maximum */
    SWEEP_LOG_UNIFORM, /**< the same, its logarithm uniform */
    SWEEP_INT_UNIFORM  /**< an integer from minimum to maximum, both included */
} SweepDistribution;

typedef struct {
    const char *key; /**< a setting of `linnet train`; borrowed from the file's tree, like `values` */
    SweepDistribution distribution;
    const cJSON *values; /**< SWEEP_VALUES: an array of at least one value */
    double minimum, maximum;
} SweepParameter;

typedef struct {
    const char *path; /**< borrowed */
    cJSON *tree;
    char *text; /**< of the file */
    const char *config, *output_dir;
    const char *launcher; /**< words in front of `linnet train`; "": none */
    bool random;          /**< a random sweep; else a grid */
    int64_t seed;         /**< of the drawn values */
    int64_t jobs;         /**< trials at a time */
    char metric[72];      /**< a key of the log: eval_loss, eval_f1, … */
    bool maximize;
    int64_t eta,
        min_iter; /**< successive halving: of n configurations n / eta go on; evaluations before the first time.
                                     eta 0: all trials run to their end */
    SweepParameter *parameters; /**< [parameter_count] without the seed */
    size_t parameter_count;
    const cJSON *seeds; /**< an array; NULL: the configuration's seed alone */
    int64_t configurations, trials;
} SweepFile;

#define SWEEP_TRIALS_MAX 100000
#define SWEEP_JOBS_MAX 4096

/** Read and check the file, which may have comments (json_blank_comments()). STATUS_INPUT with file and line: unknown keys
 *  and wrong values; a parameter that is no setting, or one that says where a run reads or writes; more than
 *  SWEEP_TRIALS_MAX trials. sweep_file_close() also after an error. */
Status sweep_file_open(SweepFile *sweep, const char *path, Error *error);
void sweep_file_close(SweepFile *sweep);

int64_t sweep_seeds(const SweepFile *sweep);

/** The value of a parameter in a configuration, as JSON; a new item, to be freed with cJSON_Delete(). NULL: out of
 *  memory. */
cJSON *sweep_value(const SweepFile *sweep, int64_t configuration, size_t parameter);

#endif
