#ifndef LINNET_DATA_DATASET_H
#define LINNET_DATA_DATASET_H
/** The token file (HDF5): every text of a table as token ids, with its label and row. docs/formats.md has the
 *  layout.
 *
 *   tokens  uint16 [tokens]      the samples' ids, one behind the other
 *   offsets int64  [samples + 1] where each sample starts in tokens; offsets[0] = 0
 *   labels  uint8  [samples]
 *   rows    int64  [samples]     the sample's row in the source table, from 0
 *
 *  Reading is read-only and takes no file locks, so that NFS and Lustre work; every rank opens the file for itself
 *  and reads only the chunks that hold what it asks for. dataset_lengths() and dataset_load() may be called by one
 *  thread while others read other data sets. Nothing here is collective. */
#include "linnet/core/digest.h"
#include "linnet/core/error.h"
#include <stdint.h>

#define DATASET_FORMAT_VERSION 1
#define DATASET_LABELS_MAX 255

typedef struct {
    const char *path; /**< of the token file, as it was opened; not used in writing */
    int64_t samples;
    int64_t tokens;
    int32_t vocabulary;  /**< ids are below this */
    int32_t end_of_text; /**< id of <|endoftext|> */
    int32_t max_length;  /**< the longest a sample could be, in tokens */
    int32_t longest;     /**< the longest sample there is, in tokens */
    int32_t labels;      /**< number of classes */
    char **label_names;  /**< [labels] */
    char tokenizer_digest[DIGEST_TEXT];
    char source_name[256]; /**< name of the source table, without folder */
    char source_digest[DIGEST_TEXT];
    int64_t source_size; /**< bytes */
} DatasetInfo;

/** Samples in memory: sample i has tokens ids[starts[i]] … ids[starts[i + 1] - 1]. */
typedef struct {
    int64_t count;
    int64_t *starts;  /**< [count + 1] */
    uint16_t *ids;    /**< [starts[count]] */
    uint8_t *labels;  /**< [count] */
    int64_t *indices; /**< [count] each sample's index in the token file */
    int64_t *rows;    /**< [count] each sample's row in the source table */
} Samples;

typedef struct Dataset Dataset;

/** Open a token file and check its attributes and sizes against each other. STATUS_INPUT names file and fault. */
Status dataset_open(Dataset **dataset, const char *path, Error *error);
const DatasetInfo *dataset_info(const Dataset *dataset); /**< borrowed */
void dataset_close(Dataset *dataset);

/** Check samples first … first + count − 1 wholly: offsets rising (every sample at least one token and at most
 *  max_length), ids below the vocabulary, labels in range. In a job each rank checks its share of the file. */
Status dataset_verify(Dataset *dataset, int64_t first, int64_t count, Error *error);

/** lengths [count], in tokens, of the samples named by indices [count] (any order, repeats allowed), in that order. */
Status dataset_lengths(Dataset *dataset, const int64_t *indices, int64_t count, int32_t *lengths, Error *error);

/** Load the samples named by indices [count] (likewise) into *samples, in that order. Free with samples_free(). */
Status dataset_load(Dataset *dataset, const int64_t *indices, int64_t count, Samples *samples, Error *error);
void samples_free(Samples *samples);

/** Bytes that these two work with, a sample, besides their results. */
enum { DATASET_WORK_BYTES = 56 };

/** Have another thread that is in dataset_lengths() or dataset_load() return soon, with STATUS_STOPPED, and let nobody
 *  in any more: all that is left is dataset_close(). */
void dataset_stop(Dataset *dataset);

/** Writing: samples are added one by one and reach `path` only through dataset_writer_finish(), which flushes to
 *  disk and renames; until then they lie in `path`.tmp, which dataset_writer_destroy() removes. `info` gives all
 *  but the counts (samples, tokens, longest), which the writer fills in. */
typedef struct DatasetWriter DatasetWriter;
Status dataset_writer_create(DatasetWriter **writer, const char *path, const DatasetInfo *info, Error *error);
Status dataset_writer_add(DatasetWriter *writer, const int32_t *ids, size_t count, int32_t label, int64_t row,
                          Error *error);
/** `source_digest` and `source_size` are set here, since they are known only when the source was read to its end. */
Status dataset_writer_finish(DatasetWriter *writer, const char *source_digest, int64_t source_size, Error *error);
void dataset_writer_destroy(DatasetWriter *writer);

#endif
