#ifndef LINNET_DATA_DATASET_H
#define LINNET_DATA_DATASET_H
/** The token file (HDF5): each text of a table as token ids, with its label and row. docs/reference/formats.md
 *  describes it.
 *
 *   tokens  uint16 [tokens]      the samples' ids, one after the other; uint32 where the vocabulary has over 65,536
 *   offsets int64  [samples + 1] where each sample starts in tokens; offsets[0] = 0
 *   labels  uint8  [samples]     all 0 in a file without labels, which has no label names either; uint16 for over 256
 *   rows    int64  [samples]     the sample's row in the source table, from 0
 *
 *  Where a sample has a number for each label (problem_has_targets()), there is in the place of labels:
 *
 *   targets float32 [samples · labels]  each sample's targets, one sample after the other
 *
 *  Files are opened read-only and without file locks, so that NFS and Lustre work. Each rank opens the file, or its
 *  host's copy in memory (broadcast_files.h), for itself and reads only the chunks that it needs. One thread may call
 *  dataset_lengths(), dataset_labels() and dataset_load() while others read other data sets. Not collective. */
#include "linnet/core/digest.h"
#include "linnet/core/error.h"
#include "linnet/data/problem.h"
#include <stdbool.h>
#include <stdint.h>

/** Files of at most 255 labels, one of which each sample has, are of version 2; all others name their problem_type. */
#define DATASET_FORMAT_VERSION 2
#define DATASET_FORMAT_PROBLEMS 3
#define DATASET_PLAIN_LABELS_MAX 255
#define DATASET_LABELS_MAX 1000

typedef struct {
    const char *path; /**< of the opened token file; not used in writing */
    int64_t samples;
    int64_t tokens;
    int32_t vocabulary;  /**< ids are below this */
    int32_t id_bits;     /**< of an id in the file, 16 or 32; not used in writing, the vocabulary decides */
    int32_t end_of_text; /**< id of <|endoftext|> */
    int32_t max_length;  /**< the limit of a sample's tokens */
    int32_t longest;     /**< tokens of the longest sample */
    Problem problem;     /**< single label where the samples have no labels */
    int32_t labels;      /**< number of classes or targets; 0: the samples have no labels */
    char **label_names;  /**< [labels] of the classes or targets */
    bool pairs;          /**< each sample is made of two texts */
    char part[256];      /**< which part of the table the samples are, and how it was chosen; "": all, or a subset */
    char tokenizer_digest[DIGEST_TEXT];
    char source_name[256]; /**< file name of the source table, without folder */
    char source_digest[DIGEST_TEXT];
    int64_t source_size; /**< bytes */
} DatasetInfo;

/** Samples in memory: sample i has tokens ids[starts[i]] … ids[starts[i + 1] - 1]. */
typedef struct {
    int64_t count;
    int64_t *starts;  /**< [count + 1] */
    int32_t *ids;     /**< [starts[count]] */
    uint16_t *labels; /**< [count]; NULL where they have targets */
    float *targets;   /**< [count, info.labels] problem_has_targets(): 0 or 1, or a finite number; else NULL */
    int64_t *indices; /**< [count] each sample's index in the token file */
    int64_t *rows;    /**< [count] each sample's row in the source table */
} Samples;

typedef struct Dataset Dataset;

/** Open a token file and check that its attributes and sizes agree. STATUS_INPUT names the file and the fault. */
Status dataset_open(Dataset **dataset, const char *path, Error *error);
const DatasetInfo *dataset_info(const Dataset *dataset); /**< borrowed */
void dataset_close(Dataset *dataset);

/** STATUS_INPUT, saying what to do, for a file without labels. */
Status dataset_require_labels(const Dataset *dataset, Error *error);

/** STATUS_INPUT for a file in which no sample has two tokens, so that no token predicts another. */
Status dataset_require_predictions(const Dataset *dataset, Error *error);

/** Check all of samples first … first + count − 1: offsets that rise (each sample has 1 to max_length tokens), ids
 *  below the vocabulary, labels or targets in range. In a job each rank checks its share of the file. */
Status dataset_verify(Dataset *dataset, int64_t first, int64_t count, Error *error);

/** How many of samples first … first + count − 1 have more than `length` tokens. Reads their offsets only if the longest
 *  of the file has. */
Status dataset_longer(Dataset *dataset, int64_t first, int64_t count, int32_t length, int64_t *longer, Error *error);

/** Warn that a model of so many positions reads only the start of `longer` samples; 0: no warning. */
void dataset_warn_longer(const DatasetInfo *info, int64_t longer, int32_t positions);

/** lengths [count], in tokens, of samples indices [count] (any order, repeats allowed). */
Status dataset_lengths(Dataset *dataset, const int64_t *indices, int64_t count, int32_t *lengths, Error *error);

/** labels [count] of samples indices [count] (likewise); the file has no targets. */
Status dataset_labels(Dataset *dataset, const int64_t *indices, int64_t count, uint16_t *labels, Error *error);

/** Add to counts [DATASET_LABELS_MAX] how many of samples first … first + count − 1 have each label; the file has no targets. */
Status dataset_count_labels(Dataset *dataset, int64_t first, int64_t count, int64_t *counts, Error *error);

/** Load samples indices [count] (likewise) into *samples, in that order. Free with samples_free(). */
Status dataset_load(Dataset *dataset, const int64_t *indices, int64_t count, Samples *samples, Error *error);
void samples_free(Samples *samples);

/** Bytes that a loaded sample's label, or its targets, take. */
double dataset_label_bytes(const DatasetInfo *info);

/** Bytes a sample that these three need besides their results. */
enum { DATASET_WORK_BYTES = 56 };

/** Make another thread's dataset_lengths(), dataset_labels() or dataset_load() return soon with STATUS_STOPPED, and every
 *  later call: after this only dataset_close() is possible. */
void dataset_stop(Dataset *dataset);

/** Writing: samples are added one by one to a file under a temporary name (temporary.h), which dataset_writer_finish()
 *  flushes to disk and moves to `path`, and which dataset_writer_destroy() removes otherwise. `info` gives all except the counts (samples,
 *  tokens, longest), which the writer fills in. */
typedef struct DatasetWriter DatasetWriter;
Status dataset_writer_create(DatasetWriter **writer, const char *path, const DatasetInfo *info, Error *error);
Status dataset_writer_add(DatasetWriter *writer, const int32_t *ids, size_t count, int32_t label, int64_t row,
                          Error *error);
/** The same for a file whose samples have targets [info.labels]. */
Status dataset_writer_add_targets(DatasetWriter *writer, const int32_t *ids, size_t count, const float *targets,
                                  int64_t row, Error *error);
/** `source_digest` and `source_size` are given here, because they are known only after the source has been read. */
Status dataset_writer_finish(DatasetWriter *writer, const char *source_digest, int64_t source_size, Error *error);
void dataset_writer_destroy(DatasetWriter *writer);

#endif
