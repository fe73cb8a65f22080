/* Print a plan: for people, as JSON, as a row of a table. */
#include "cli/plan_print.h"
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>

static const double MB = 1e6, GB = 1e9;

static double sent_bytes(const PlanCost *c) {
    return c->gradient_bytes + c->weight_bytes + c->row_bytes;
}

void plan_print(const Plan *p, const PlanConstants *constants, double node_memory) {
    const PlanJob *job = &p->job;
    const PlanMemory *m = &p->memory;
    const PlanCost *c = &p->cost;
    printf("plan        %d ranks x %d threads on %d hosts; per update: %" PRId64 " samples in %" PRId64
           " reduction units, %.0f tokens, at most %.0f per rank\n",
           job->ranks, constants->threads, job->hosts, job->global_batch, job->units, job->global_batch_tokens,
           job->busiest_tokens);
    const size_t parameters = parameters_count(job->layout), trainable = parameters_count(job->learned);
    if (trainable < parameters) printf("trainable   %zu of %zu parameters\n", trainable, parameters);
    printf(
        "memory      up to %.2f GB per host of %.2f: %.0f MB weights and %d times %.0f MB gradients, %.0f activations, %.0f "
        "moments, %.0f received, %.0f embeddings, %.0f data (%.0f of it the order, %s), %.0f program\n",
        m->node / GB, node_memory / GB, m->weights / MB, job->ranks / job->hosts, m->gradients / MB,
        m->activations / MB, m->moments / MB, m->received / MB, m->embeddings / MB, m->data / MB, m->order / MB,
        DATA_ORDER_NAMES[job->settings->data_order], m->program / MB);
    if (m->shared > 0.0) printf("shared      %.2f GB of it in /dev/shm of each host\n", m->shared / GB);
    if (m->saving > 0.0)
        printf(
            "saving      up to %.2f GB more on the host of rank 0 while a checkpoint is written in the background; without "
            "this memory training waits for each checkpoint\n",
            m->saving / GB);
    printf("sent        %.1f MB per host and update: gradients %.1f, weights %.1f, embedding rows %.1f\n",
           sent_bytes(c) / MB, c->gradient_bytes / MB, c->weight_bytes / MB, c->row_bytes / MB);
    printf(
        "update      %.4f s: passes %.4f, adding %.4f, AdamW %.4f, gradients %.4f (and %.4f hidden), weights %.4f (and %.4f "
        "hidden), rows %.4f, small calls %.4f\n",
        c->seconds, c->passes, c->sums, c->optimizer, c->gradients, c->gradients_hidden, c->weights, c->weights_hidden,
        c->rows, c->totals);
    printf(
        "efficiency  %.2f of linear scaling from one rank at the same global batch; after the passes, most time goes to %s\n",
        p->efficiency, plan_bound(c));
    printf("run         %" PRId64 " updates, %.2f hours without evaluations and checkpoints\n", job->updates,
           (double)job->updates * c->seconds / 3600.0);
}

Status plan_print_json(const Plan *p, Error *error) {
    const PlanJob *job = &p->job;
    const PlanMemory *m = &p->memory;
    const PlanCost *c = &p->cost;
    const struct {
        const char *key;
        double value;
    } members[] = {{"ranks", job->ranks},
                   {"hosts", job->hosts},
                   {"global_batch", (double)job->global_batch},
                   {"units", (double)job->units},
                   {"updates", (double)job->updates},
                   {"parameters", (double)parameters_count(job->layout)},
                   {"trainable_parameters", (double)parameters_count(job->learned)},
                   {"global_batch_tokens", job->global_batch_tokens},
                   {"rank_tokens", job->busiest_tokens},
                   {"rank_bytes", m->rank},
                   {"rank_data_bytes", m->data},
                   {"rank_order_bytes", m->order},
                   {"rank_gradient_bytes", m->gradients},
                   {"rank_activation_bytes", m->activations},
                   {"host_bytes", m->node},
                   {"host_shared_bytes", m->shared},
                   {"saving_bytes", m->saving},
                   {"host_sent_bytes", sent_bytes(c)},
                   {"host_sent_gradient_bytes", c->gradient_bytes},
                   {"host_sent_weight_bytes", c->weight_bytes},
                   {"update_seconds", c->seconds},
                   {"pass_seconds", c->passes},
                   {"add_seconds", c->sums},
                   {"adamw_seconds", c->optimizer},
                   {"gradient_seconds", c->gradients},
                   {"gradient_hidden_seconds", c->gradients_hidden},
                   {"weight_seconds", c->weights},
                   {"weight_hidden_seconds", c->weights_hidden},
                   {"row_seconds", c->rows},
                   {"small_call_seconds", c->totals},
                   {"efficiency", p->efficiency}};
    cJSON *tree = cJSON_CreateObject();
    bool complete = tree;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        complete = complete && cJSON_AddNumberToObject(tree, members[i].key, members[i].value);
    complete = complete && cJSON_AddStringToObject(tree, "bound", plan_bound(c));
    char *text = complete ? cJSON_PrintUnformatted(tree) : NULL;
    if (text)
        printf("%s\n", text);
    else
        error_set(error, STATUS_FAILURE, "out of memory for the plan");
    cJSON_free(text);
    cJSON_Delete(tree);
    return error->status;
}

void plan_print_header(const double *gbits, int links) {
    printf("| ranks | hosts | global batch | tokens per rank | GB per host | MB sent per host |");
    for (int i = 0; i < links; i++) printf(" %g Gb/s |", gbits[i]);
    printf("\n|---|---|---|---|---|---|");
    for (int i = 0; i < links; i++) printf("---|");
    putchar('\n');
}

void plan_print_row(const Plan *p, int links, double node_memory) {
    const PlanCost *c = &p->cost;
    printf("| %d | %d | %" PRId64 " | %.0f | %.1f%s | %.0f |", p->job.ranks, p->job.hosts, p->job.global_batch,
           p->job.busiest_tokens, p->memory.node / GB, p->memory.node > node_memory ? " (too much)" : "",
           sent_bytes(c) / MB);
    for (int i = 0; i < links; i++)
        printf(" %.2f (%.2f s; %s) |", p[i].efficiency, p[i].cost.seconds, plan_bound(&p[i].cost));
    putchar('\n');
}

void plan_print_refusal(int ranks, int hosts, int links, const char *why) {
    printf("| %d | %d | %s | | | |", ranks, hosts, why);
    for (int i = 0; i < links; i++) printf(" |");
    putchar('\n');
}
