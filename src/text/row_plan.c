/* Which rows become which samples. See row_plan.h. */
#include "text/row_plan.h"
#include "linnet/core/memory.h"
#include "text/class_balance.h"
#include "text/split.h"

bool row_plan_needed(const PrepareOptions *options) {
    return options->split > 0 || options->class_balance != BALANCE_NONE;
}

Status row_plan_add(RowPlan *plan, const PrepareOptions *options, const Field *texts, int count, int32_t label,
                    Error *error) {
    if (plan->count == plan->labels_room) {
        const int64_t room = 2 * plan->labels_room + 1024;
        uint16_t *labels =
            memory_resize(plan->labels, (size_t)plan->count * sizeof *labels, (size_t)room, sizeof *labels, error);
        if (!labels) return error->status;
        plan->labels = labels;
        plan->labels_room = room;
    }
    plan->labels[plan->count++] = (uint16_t)label;
    if (options->split == 0 || text_list_add(&plan->texts, texts[0].text, texts[0].size, error)) return error->status;
    return count > 1 ? text_list_extend(&plan->texts, texts[1].text, texts[1].size, error) : STATUS_OK;
}

static Status split(RowPlan *plan, const PrepareOptions *options, PrepareSummary *summary, Error *error) {
    const SplitRule rule = {.share = options->split,
                            .seed = options->split_seed,
                            .labels = options->stratify ? plan->labels : NULL,
                            .label_names = options->label_names};
    Duplicates duplicates;
    if (!duplicates_find(&duplicates, &plan->texts, options->near_duplicates, error))
        split_samples(&rule, &plan->texts, &duplicates, plan->evaluation, error);
    summary->texts = plan->count;
    summary->equal = duplicates.equal;
    summary->near = duplicates.near;
    summary->largest_group = duplicates.largest;
    duplicates_free(&duplicates);
    text_list_free(&plan->texts);
    return error->status;
}

Status row_plan_make(RowPlan *plan, const PrepareOptions *options, PrepareSummary *summary, Error *error) {
    const size_t count = (size_t)plan->count;
    plan->evaluation = memory_allocate(count, sizeof *plan->evaluation, error);
    plan->copies = memory_allocate(count, sizeof *plan->copies, error);
    if (error->status) return error->status;
    for (size_t i = 0; i < count; i++) plan->copies[i] = 1;
    if (options->split > 0 && split(plan, options, summary, error)) return error->status;
    if (options->class_balance != BALANCE_NONE &&
        balance_classes(options->class_balance, options->split_seed, plan->labels, options->label_names,
                        options->labels, plan->evaluation, plan->count, plan->copies, error))
        return error->status;
    for (size_t i = 0; i < count; i++) {
        summary->left_out += plan->copies[i] == 0;
        summary->repeated += plan->copies[i] > 1 ? plan->copies[i] - 1 : 0;
    }
    return STATUS_OK;
}

void row_plan_free(RowPlan *plan) {
    text_list_free(&plan->texts);
    memory_free(plan->labels);
    memory_free(plan->evaluation);
    memory_free(plan->copies);
    *plan = (RowPlan){0};
}
