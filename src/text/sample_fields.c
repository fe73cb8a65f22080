/* Which cells make a sample. See sample_fields.h. */
#include "text/sample_fields.h"
#include "linnet/core/escape.h"
#include "linnet/core/memory.h"
#include <string.h>

static Status refuse_repeated(const PrepareOptions *options, Error *error) {
    Quoted shown;
    for (size_t i = 0; options->label_columns && i < options->labels; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(options->label_columns[i], options->label_columns[j]) == 0)
                return error_set(error, STATUS_INPUT, "label column %s appears twice",
                                 quoted(options->label_columns[i], strlen(options->label_columns[i]), &shown));
    return STATUS_OK;
}

static Status choose_columns(SampleFields *sample, Error *error) {
    const PrepareOptions *options = sample->options;
    const size_t several = options->label_columns ? options->labels : 0, most = 3 + several;
    sample->columns = memory_allocate(most, sizeof *sample->columns, error);
    sample->fields = memory_allocate(most, sizeof *sample->fields, error);
    if (error->status) return error->status;
    sample->columns[sample->count++] = options->text_column;
    if (options->pair_column) sample->columns[sample->pair = sample->count++] = options->pair_column;
    if (options->label_column || options->label_columns) sample->label = sample->count;
    if (options->label_column) sample->columns[sample->count++] = options->label_column;
    for (size_t k = 0; !options->label_column && k < several; k++)
        sample->columns[sample->count++] = options->label_columns[k];
    return STATUS_OK;
}

Status sample_fields_init(SampleFields *sample, const PrepareOptions *options, Error *error) {
    *sample = (SampleFields){.options = options};
    if ((options->label_column || options->label_columns) &&
        label_names_init(&sample->labels, options->label_names, options->labels, error))
        return error->status;
    if (refuse_repeated(options, error) || choose_columns(sample, error)) return error->status;
    if (!problem_has_targets(options->problem)) return STATUS_OK;
    sample->rule = (TargetRule){.problem = options->problem,
                                .labels = &sample->labels,
                                .separator = options->label_separator ? options->label_separator : ",",
                                .list = options->label_column != NULL};
    sample->targets = memory_allocate(options->labels, sizeof *sample->targets, error);
    return error->status;
}

void sample_fields_free(SampleFields *sample) {
    memory_free((void *)sample->columns);
    memory_free(sample->fields);
    memory_free(sample->targets);
}

Status sample_fields_label(SampleFields *sample, const char *table, int32_t *label, Error *error) {
    const Field *fields = sample->fields + sample->label;
    *label = 0;
    if (sample->targets) return targets_of_fields(&sample->rule, fields, table, sample->targets, error);
    return sample->label == 0 ? STATUS_OK : label_of_field(&sample->labels, fields, table, label, error);
}
