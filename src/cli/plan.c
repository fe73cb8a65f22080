/* linnet plan: what a run will need, before it is submitted; --measure takes the machine's constants. */
#include "linnet/plan/plan.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/plan_print.h"
#include "linnet/comm/threads.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/heartbeat/job.h"
#include "linnet/kernels/linear.h"
#include "linnet/model/model.h"
#include <omp.h>
#include <unistd.h>

#define GOODPUT 0.94 /* of an Ethernet link's bits, those that TCP's payload is: 1,448 of a frame's 1,538 bytes */
static const double TABLE_GBITS[] = {10.0, 25.0, 100.0};
enum { TABLE_LINKS = sizeof TABLE_GBITS / sizeof *TABLE_GBITS };

/* What the command line says. */
typedef struct {
    const char *config, *constants;
    OptionList overrides;
    int64_t ranks, hosts;
    double link_gbit, latency_us, node_memory_gb; /* 0: not given */
    bool measure, table, json, quiet;
} CommandOptions;

/* What a configuration names. */
typedef struct {
    Settings settings;
    Dataset *dataset, *evaluated; /* or NULL */
    Model model;                  /* described, not loaded */
} Subject;

static void subject_close(Subject *subject) {
    model_close(&subject->model);
    dataset_close(subject->dataset);
    dataset_close(subject->evaluated);
    settings_free(&subject->settings);
}

/* The configuration; of model and data all but weights and texts, with the checks that training would make. */
static Status subject_open(Subject *subject, const CommandOptions *options, Error *error) {
    Settings *s = &subject->settings;
    if (settings_load(s, options->config, options->overrides.items, options->overrides.count, error) == STATUS_OK &&
        dataset_open(&subject->dataset, s->train_file, error) == STATUS_OK &&
        (s->eval_file == NULL || dataset_open(&subject->evaluated, s->eval_file, error) == STATUS_OK) &&
        model_describe(&subject->model, s->model_name_or_path, dataset_info(subject->dataset), error) == STATUS_OK &&
        subject->evaluated != NULL)
        model_check_data(&subject->model.config, subject->model.tokenizer, dataset_info(subject->evaluated),
                         s->model_name_or_path, error);
    return error->status;
}

/* What is measured: the configuration's model and texts, or GPT-2 small and texts of a tweet's length. */
static Status choose_shape(const CommandOptions *options, PlanShape *shape, int64_t *threads, Error *error) {
    *shape =
        (PlanShape){.width = 768, .inner = 3072, .heads = 12, .layers = 12, .positions = 1024, .sample_tokens = 20.0};
    if (options->config == NULL) return STATUS_OK;
    Subject subject = {0};
    if (subject_open(&subject, options, error) == STATUS_OK) {
        const ModelConfig *c = &subject.model.config;
        const DatasetInfo *info = dataset_info(subject.dataset);
        *shape = (PlanShape){.width = c->width,
                             .inner = c->inner,
                             .heads = c->heads,
                             .layers = c->layers,
                             .positions = c->positions,
                             .sample_tokens = (double)info->tokens / (double)info->samples,
                             .bf16 = subject.settings.bf16};
        *threads = subject.settings.threads_per_rank;
    }
    subject_close(&subject);
    return error->status;
}

/* Collective. */
static Status measure(const World *world, const CommandOptions *options, Error *error) {
    PlanShape shape;
    int64_t threads = 0;
    PlanConstants constants;
    if (world->rank == 0) choose_shape(options, &shape, &threads, error);
    if (world_agree(world, error, true)) return error->status;
    world_broadcast(world, &shape, sizeof shape);
    world_broadcast(world, &threads, sizeof threads);
    int used = threads_choose(world, threads);
    int64_t lacking = shape.bf16 && linear_bf16() == NULL;
    world_max_integers(world, &lacking, 1);
    shape.bf16 = shape.bf16 && !lacking; /* as in training: all ranks, or none */
    if (plan_measure(world, &shape, used, &constants, error)) return error->status;
    if (world->rank == 0 && plan_constants_save(&constants, options->constants, error) == STATUS_OK)
        log_info(
            "%s: %d ranks x %d threads on %d hosts; passes at %.0f GF/s a rank over %.0f tokens, AdamW at %.1f GB/s",
            options->constants, world->size, used, world->nodes, constants.gflops[constants.rates - 1],
            constants.tokens[constants.rates - 1], constants.adamw_bandwidth / 1e9);
    return world_agree(world, error, true);
}

/* --measure under MPI; `error` may hold what the command line got wrong. */
static Status run_measure(const CommandOptions *options, Error *error) {
    World *world = NULL;
    Error start = {0};
    if (job_start(&world, &start) != STATUS_OK) {
        *error = start;
    } else {
        log_setup(world->rank, world->size, options->quiet);
        if (world_agree(world, error, true) == STATUS_OK) measure(world, options, error);
    }
    job_finish(world);
    return error->status;
}

/* The network between hosts: as measured, or as the command line has it. */
static Status choose_network(PlanConstants *c, const CommandOptions *options, double gbit, Error *error) {
    Link *net = &c->network;
    double share = net->bandwidth > 0.0 ? net->overlapped / net->bandwidth : 1.0; /* reached while computing */
    if (gbit > 0.0) net->bandwidth = GOODPUT * gbit * 1e9 / 8.0;
    net->overlapped = share * net->bandwidth;
    if (options->latency_us > 0.0) net->latency = options->latency_us * 1e-6;
    if (net->message <= 0.0) net->message = c->node.message;
    if (net->bandwidth > 0.0 && net->latency > 0.0 && net->message > 0.0) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s knows %s: measure under mpirun on %s", options->constants,
                     net->message > 0.0 ? "no network between hosts" : "no messages, as one rank alone measured",
                     net->message > 0.0 ? "two hosts, or give --link-gbit and --latency-us" : "two ranks at least");
}

/* Constants may be of another model or layout: then the plan is as good as they fit. */
static void compare(const PlanConstants *c, const Subject *subject, const CommandOptions *options) {
    const ModelConfig *config = &subject->model.config;
    bool bf16 = subject->settings.bf16;
    if (c->width != config->width || c->inner != config->inner || c->heads != config->heads || c->bf16 != bf16)
        log_warning(
            "%s was measured with layers of width %d, inner width %d, %d heads, %s; the model has %d, %d, %d, %s: "
            "measure with --measure %s",
            options->constants, c->width, c->inner, c->heads, c->bf16 ? "bf16" : "float32", config->width,
            config->inner, config->heads, bf16 ? "bf16" : "float32", options->config);
    int64_t threads = subject->settings.threads_per_rank;
    if (threads > 0 && threads != c->threads)
        log_warning("%s was measured with %d threads a rank, the run has %lld: measure with as many",
                    options->constants, c->threads, (long long)threads);
    if (c->ranks / c->nodes != options->ranks / options->hosts)
        log_warning(
            "%s was measured with %d ranks a host, the run has %lld: they share memory and caches, so measure with as "
            "many",
            options->constants, c->ranks / c->nodes, (long long)(options->ranks / options->hosts));
}

static double node_memory(const CommandOptions *options) {
    if (options->node_memory_gb > 0.0) return options->node_memory_gb * 1e9;
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

static Status work_out(Planned *p, const Subject *subject, const PlanConstants *c, int ranks, int hosts, Error *error) {
    if (plan_job(&p->job, &subject->settings, &subject->model.config, &subject->model.layout, subject->dataset, ranks,
                 hosts, error))
        return error->status;
    plan_memory(&p->job, c, &p->memory);
    plan_cost(&p->job, c, &p->cost);
    p->efficiency = plan_efficiency(&p->job, c, &p->cost);
    return STATUS_OK;
}

static Status print_plan(const Subject *subject, const PlanConstants *measured, const CommandOptions *options,
                         Error *error) {
    PlanConstants c = *measured;
    Planned planned;
    if (options->hosts > 1 && choose_network(&c, options, options->link_gbit, error)) return error->status;
    if (work_out(&planned, subject, &c, (int)options->ranks, (int)options->hosts, error)) return error->status;
    if (options->json)
        plan_print_json(&planned, error);
    else
        plan_print(&planned, &c, node_memory(options));
    if (planned.memory.node > node_memory(options))
        error_set(
            error, STATUS_INPUT,
            "%.2f GB a host are more than its %.2f: take fewer ranks a host, more hosts, or smaller micro-batches",
            planned.memory.node / 1e9, node_memory(options) / 1e9);
    return error->status;
}

/* From one host on, twice as many hosts a row, up to what was asked for. */
static Status print_table(const Subject *subject, const PlanConstants *measured, const CommandOptions *options,
                          Error *error) {
    int64_t hosts = options->hosts, neighbours = options->ranks / options->hosts;
    while (hosts % 2 == 0) hosts /= 2;
    plan_print_header(TABLE_GBITS, TABLE_LINKS);
    for (; hosts <= options->hosts; hosts *= 2) {
        Planned planned[TABLE_LINKS];
        Error refusal = {0};
        for (int i = 0; i < TABLE_LINKS && refusal.status == STATUS_OK; i++) {
            PlanConstants c = *measured;
            if (choose_network(&c, options, TABLE_GBITS[i], error)) return error->status;
            work_out(&planned[i], subject, &c, (int)(hosts * neighbours), (int)hosts, &refusal);
        }
        if (refusal.status == STATUS_OK)
            plan_print_row(planned, TABLE_LINKS, node_memory(options));
        else
            plan_print_refusal((int)(hosts * neighbours), (int)hosts, TABLE_LINKS, refusal.message);
    }
    return STATUS_OK;
}

static Status run_plan(const CommandOptions *options, Error *error) {
    Subject subject = {0};
    PlanConstants constants;
    if (!file_exists(options->constants))
        error_set(error, STATUS_INPUT, "%s is not there: linnet plan --measure makes it, or --constants names another",
                  options->constants);
    else if (subject_open(&subject, options, error) == STATUS_OK &&
             plan_constants_load(&constants, options->constants, error) == STATUS_OK) {
        omp_set_num_threads(constants.threads); /* working memory depends on it */
        compare(&constants, &subject, options);
        if (options->table)
            print_table(&subject, &constants, options, error);
        else
            print_plan(&subject, &constants, options, error);
    }
    subject_close(&subject);
    return error->status;
}

/* Whether what was given goes together. */
static Status check(CommandOptions *options, const OptionList *operands, Error *error) {
    if (operands->count > 1 || (operands->count == 0 && !options->measure))
        return error_set(
            error, STATUS_INPUT,
            "linnet plan takes one configuration file, not %zu: linnet plan CONFIG.json --ranks N --hosts H",
            operands->count);
    if (operands->count == 1) options->config = operands->items[0];
    if (options->measure) return STATUS_OK;
    if (options->ranks == 0)
        return error_set(error, STATUS_INPUT, "option --ranks is missing: it must be given (or --measure)");
    if (options->ranks % options->hosts != 0)
        return error_set(error, STATUS_INPUT, "--ranks %lld must be a multiple of --hosts %lld",
                         (long long)options->ranks, (long long)options->hosts);
    return STATUS_OK;
}

static Status parse(int argc, char **argv, CommandOptions *options, OptionList *operands, bool *helped, Error *error) {
    const Option table[] = {
        {.name = "ranks",
         .kind = OPTION_INT,
         .value = &options->ranks,
         .minimum = 1,
         .maximum = 1 << 20,
         .help = "N: ranks of the run"},
        {.name = "hosts",
         .kind = OPTION_INT,
         .value = &options->hosts,
         .minimum = 1,
         .maximum = 1 << 20,
         .help = "N: hosts that they are spread over (default 1)"},
        {.name = "set",
         .kind = OPTION_LIST,
         .value = &options->overrides,
         .help = "KEY=VALUE: overrides the configuration"},
        {.name = "constants",
         .kind = OPTION_TEXT,
         .value = &options->constants,
         .help = "FILE: of --measure (default linnet-constants.json)"},
        {.name = "measure",
         .kind = OPTION_FLAG,
         .value = &options->measure,
         .help = "measure this machine and write that file; under mpirun also the network"},
        {.name = "link-gbit",
         .kind = OPTION_NUMBER,
         .value = &options->link_gbit,
         .help = "N: Gb/s of a host's link, in place of what was measured"},
        {.name = "latency-us",
         .kind = OPTION_NUMBER,
         .value = &options->latency_us,
         .help = "N: microseconds of a small message between hosts, likewise"},
        {.name = "node-memory-gb",
         .kind = OPTION_NUMBER,
         .value = &options->node_memory_gb,
         .help = "N: memory of a host (default: this machine's)"},
        {.name = "table",
         .kind = OPTION_FLAG,
         .value = &options->table,
         .help = "a Markdown table over hosts up to --hosts and links of 10, 25 and 100 Gb/s"},
        {.name = "json", .kind = OPTION_FLAG, .value = &options->json, .help = "one JSON object, in bytes and seconds"},
    };
    const CommandLine line = {
        .synopsis = "linnet plan CONFIG.json --ranks N [--hosts N] | linnet plan --measure [CONFIG.json]",
        .summary =
            "Memory, bytes sent, seconds an update and efficiency of a run before it is submitted, by a model with\n"
            "constants measured on the machine. docs/explanation/scaling.md tells how good it is.",
        .options = table,
        .count = sizeof table / sizeof *table,
        .operands = "CONFIG.json",
    };
    return options_parse(&line, argc, argv, helped, &options->quiet, operands, error);
}

int command_plan(int argc, char **argv) {
    CommandOptions options = {.hosts = 1, .constants = "linnet-constants.json"};
    OptionList operands = {0};
    bool helped = false;
    Error error = {0};
    if (parse(argc, argv, &options, &operands, &helped, &error) == STATUS_OK && !helped)
        check(&options, &operands, &error);
    if (!helped && options.measure) {
        run_measure(&options, &error);
    } else if (!helped) {
        log_setup(0, 1, options.quiet);
        if (error.status == STATUS_OK) run_plan(&options, &error);
        if (error.status != STATUS_OK) log_error("%s", error.message);
    }
    options_free_list(&options.overrides);
    options_free_list(&operands);
    return (int)error.status;
}
