/* The file of predictions of an evaluation. */
#include "evaluate/predictions.h"

#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/evaluate/metrics.h"
#include "linnet/kernels/loss.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

Status predictions_begin(Predictions *p, const char *path, Dataset *dataset, Error *error) {
    const DatasetInfo *info = dataset_info(dataset);
    *p = (Predictions){.path = path, .dataset = dataset};
    if (file_begin(&p->file, path, error)) return error->status;
    fprintf(p->file, "row\tlabel\tpredicted");
    for (int32_t k = 0; k < info->labels; k++) fprintf(p->file, "\t%s", info->label_names[k]);
    fputc('\n', p->file);
    return STATUS_OK;
}

static void print_samples(FILE *file, const DatasetInfo *info, const Samples *samples, const double *logits) {
    size_t labels = (size_t)info->labels;
    float row[METRICS_LABELS_MAX];
    double probabilities[METRICS_LABELS_MAX];
    for (int64_t i = 0; i < samples->count; i++) {
        size_t best = 0;
        for (size_t k = 0; k < labels; k++) {
            row[k] = (float)logits[(size_t)i * labels + k];
            if (row[k] > row[best]) best = k;
        }
        loss_softmax(probabilities, row, labels);
        fprintf(file, "%" PRId64 "\t%s\t%s", samples->rows[i], info->label_names[samples->labels[i]],
                info->label_names[best]);
        for (size_t k = 0; k < labels; k++) fprintf(file, "\t%.6f", probabilities[k]);
        fputc('\n', file);
    }
}

Status predictions_take(void *context, int64_t first, int64_t count, const double *logits, Error *error) {
    Predictions *p = context;
    int64_t *indices = memory_allocate((size_t)count, sizeof *indices, error);
    Samples samples = {0};
    if (!indices) return error->status;
    for (int64_t i = 0; i < count; i++) indices[i] = first + i;
    if (dataset_load(p->dataset, indices, count, &samples, error) == STATUS_OK)
        print_samples(p->file, dataset_info(p->dataset), &samples, logits);
    if (error->status == STATUS_OK && (fflush(p->file) != 0 || ferror(p->file)))
        error_set(error, STATUS_FAILURE, "%s: cannot write: %s", p->path, strerror(errno));
    samples_free(&samples);
    memory_free(indices);
    return error->status;
}

void predictions_end(Predictions *p, Error *error) {
    file_end(p->file, p->path, error);
    p->file = NULL;
}
