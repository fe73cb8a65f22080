#ifndef LINNET_PREDICT_PART_MANIFEST_H
#define LINNET_PREDICT_PART_MANIFEST_H
/** The manifest of the folder of parts: all that the bytes of a part depend on. Not collective. */
#include "predict/predict_job.h"

/** Write it. */
Status part_manifest_write(const PredictJob *job, const char *path, Error *error);

/** Read it: where it is this job's, *same is true and the rows of the parts are filled. Else a line says what differs. A
 *  file that is no manifest counts as another job's. */
Status part_manifest_read(PredictJob *job, const char *path, bool *same, Error *error);

#endif
