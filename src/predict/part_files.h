#ifndef LINNET_PREDICT_PART_FILES_H
#define LINNET_PREDICT_PART_FILES_H
/** The folder OUTPUT.parts of a job of predict_file():
 *
 *   manifest.json  what the parts are made of: input, model, options; and the rows of each part
 *   000012.rows    a finished part of the output, complete
 *   000012.claim   empty: a rank of the running job has taken the part
 *   stop           empty: a rank has failed or was asked to stop, so that all stop
 *   input          a copy of standard input
 *
 *  Making a claim fails where it exists, so that ranks share the work without messages: one that computes cannot
 *  answer. Not collective. */
#include "predict/predict_job.h"

/** Make the folder and lock it. STATUS_INPUT where it is not one of these, or another job has it. Rank 0. */
Status part_files_begin(PredictJob *job, Error *error);
/** Copy standard input into it; the job then reads the copy. Rank 0. */
Status part_files_copy_input(PredictJob *job, Error *error);

/** Whether an earlier job's manifest is that of this job, whose parts, total and done are then filled from it; a line
 *  tells where it is another's. Rank 0. */
Status part_files_resume(PredictJob *job, bool *resumed, Error *error);
/** Remove all parts and write this job's manifest. Rank 0. */
Status part_files_restart(PredictJob *job, Error *error);
/** Remove claims and the request to stop of an earlier job. Rank 0. */
Status part_files_clear_claims(const PredictJob *job, Error *error);

/** The path of a part, to be freed with memory_free(). */
char *part_files_path(const PredictJob *job, int64_t part, Error *error);
/** Take a part; false where another rank has it. */
bool part_files_claim(const PredictJob *job, int64_t part, Error *error);
/** Mark in taken [count] the parts that are done or claimed, in `done` (may be NULL) the former. */
Status part_files_list(const PredictJob *job, bool *taken, bool *done, Error *error);

void part_files_ask_stop(const PredictJob *job);
bool part_files_stop_asked(const PredictJob *job);

/** Join the parts to the output and remove the folder. Rank 0. */
Status part_files_join(PredictJob *job, Error *error);
/** Release the lock and, where the folder holds nothing to go on from, remove it. Rank 0. */
void part_files_end(PredictJob *job);

#endif
