/* linnet plan: what a run will need, before it is submitted; --measure measures the constants of the machine. */
#include "linnet/plan/plan.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/plan_print.h"
#include "linnet/comm/threads.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/heartbeat/job.h"
#include <omp.h>

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

static Status open_subject(PlanSubject *subject, const CommandOptions *options, Error *error) {
    return plan_subject_open(subject, options->config, (const char *const *)options->overrides.items,
                             options->overrides.count, error);
}

/* The shape to measure, and the threads per rank (0: one per core), from the configuration if there is one. */
static Status choose_shape(const CommandOptions *options, PlanShape *shape, int64_t *threads, Error *error) {
    *shape = plan_shape_default();
    if (!options->config) return STATUS_OK;
    PlanSubject subject = {0};
    if (open_subject(&subject, options, error) == STATUS_OK) {
        *shape = plan_subject_shape(&subject);
        *threads = subject.settings.threads_per_rank;
    }
    plan_subject_close(&subject);
    return error->status;
}

/* Collective. */
static Status measure(const World *world, const CommandOptions *options, Error *error) {
    PlanShape shape;
    int64_t wanted = 0;
    int threads;
    PlanConstants c;
    if (world->rank == 0) choose_shape(options, &shape, &wanted, error);
    if (world_agree(world, error, true)) return error->status;
    world_broadcast(world, &shape, sizeof shape);
    world_broadcast(world, &wanted, sizeof wanted);
    if (threads_choose(world, wanted, &threads, error) || plan_measure(world, &shape, threads, &c, error))
        return error->status;
    if (world->rank == 0 && plan_constants_save(&c, options->constants, error) == STATUS_OK)
        log_info(
            "%s: %d ranks x %d threads on %d hosts; forward and backward passes over %.0f tokens: %.0f GF/s per rank, "
            "AdamW: %.1f GB/s",
            options->constants, c.ranks, c.threads, c.nodes, c.tokens[c.rates - 1], c.gflops[c.rates - 1],
            c.adamw_bandwidth / 1e9);
    return world_agree(world, error, true);
}

/* `error` may hold what is wrong with the command line. */
static Status run_measure(const CommandOptions *options, Error *error) {
    World *world = NULL;
    Error start = {0};
    if (job_start(&world, &start) != STATUS_OK) {
        *error = start;
    } else {
        log_setup(world->rank, world->size, options->quiet);
        if (world_agree(world, error, true) == STATUS_OK) measure(world, options, error);
    }
    job_finish(world, error->status);
    return error->status;
}

static double node_memory(const CommandOptions *options) {
    if (options->node_memory_gb > 0.0) return options->node_memory_gb * 1e9;
    return (double)memory_total();
}

static Status print_plan(const PlanSubject *subject, const PlanConstants *measured, const CommandOptions *options,
                         Error *error) {
    PlanConstants c = *measured;
    Plan plan;
    double memory = node_memory(options);
    if (options->hosts > 1 &&
        plan_choose_network(&c, options->link_gbit, options->latency_us, options->constants, error))
        return error->status;
    if (plan_make(&plan, subject, &c, (int)options->ranks, (int)options->hosts, error)) return error->status;
    if (options->json)
        plan_print_json(&plan, error);
    else
        plan_print(&plan, &c, memory);
    if (plan.memory.node > memory)
        error_set(
            error, STATUS_INPUT,
            "the run needs %.2f GB per host, more than its %.2f GB: use fewer ranks per host, more hosts or smaller "
            "micro-batches",
            plan.memory.node / 1e9, memory / 1e9);
    return error->status;
}

/* A row for each number of hosts, which doubles from row to row up to --hosts. */
static Status print_table(const PlanSubject *subject, const PlanConstants *measured, const CommandOptions *options,
                          Error *error) {
    int64_t hosts = options->hosts, neighbours = options->ranks / options->hosts;
    while (hosts % 2 == 0) hosts /= 2;
    plan_print_header(TABLE_GBITS, TABLE_LINKS);
    for (; hosts <= options->hosts; hosts *= 2) {
        Plan plans[TABLE_LINKS];
        Error refusal = {0};
        for (int i = 0; i < TABLE_LINKS && refusal.status == STATUS_OK; i++) {
            PlanConstants c = *measured;
            if (plan_choose_network(&c, TABLE_GBITS[i], options->latency_us, options->constants, error))
                return error->status;
            plan_make(&plans[i], subject, &c, (int)(hosts * neighbours), (int)hosts, &refusal);
        }
        if (refusal.status == STATUS_OK)
            plan_print_row(plans, TABLE_LINKS, node_memory(options));
        else
            plan_print_refusal((int)(hosts * neighbours), (int)hosts, TABLE_LINKS, refusal.message);
    }
    return STATUS_OK;
}

static Status run_plan(const CommandOptions *options, Error *error) {
    PlanSubject subject = {0};
    PlanConstants constants;
    if (!file_exists(options->constants))
        error_set(error, STATUS_INPUT,
                  "%s does not exist: make it with linnet plan --measure, or name another file with --constants",
                  options->constants);
    else if (open_subject(&subject, options, error) == STATUS_OK &&
             plan_constants_load(&constants, options->constants, error) == STATUS_OK) {
        omp_set_num_threads(constants.threads); /* activations depend on it */
        plan_compare(&constants, options->constants, &subject, options->config, (int)options->ranks,
                     (int)options->hosts);
        if (options->table)
            print_table(&subject, &constants, options, error);
        else
            print_plan(&subject, &constants, options, error);
    }
    plan_subject_close(&subject);
    return error->status;
}

/* `error` may hold what is wrong with the command line. */
static Status run_alone(const CommandOptions *options, Error *error) {
    log_setup(0, 1, options->quiet);
    if (error->status == STATUS_OK) run_plan(options, error);
    if (error->status != STATUS_OK) log_error("%s", error->message);
    return error->status;
}

/* Check the options together. */
static Status check(CommandOptions *options, const OptionList *operands, Error *error) {
    if (operands->count > 1 || (operands->count == 0 && !options->measure))
        return error_set(error, STATUS_INPUT,
                         "linnet plan: expected one configuration file, got %zu: linnet plan %s --ranks %lld",
                         operands->count, operands->count ? operands->items[0] : "CONFIG.json",
                         options->ranks ? (long long)options->ranks : 2);
    if (operands->count == 1) options->config = operands->items[0];
    if (options->measure) return STATUS_OK;
    if (options->ranks == 0)
        return error_set(error, STATUS_INPUT, "--ranks is required (or --measure): linnet plan %s --ranks 2",
                         options->config);
    if (options->ranks % options->hosts != 0)
        return error_set(error, STATUS_INPUT, "--ranks %lld must be a multiple of --hosts %lld",
                         (long long)options->ranks, (long long)options->hosts);
    return STATUS_OK;
}

static Status parse(int argc, char **argv, CommandOptions *options, OptionList *operands, bool *helped, Error *error) {
    const Option table[] = {
        {"ranks", OPTION_INT, &options->ranks, "N: ranks of the run", false, 1, 1 << 20},
        {"hosts", OPTION_INT, &options->hosts, "N: hosts of the run (default 1)", false, 1, 1 << 20},
        {"set", OPTION_LIST, &options->overrides, "KEY=VALUE: overrides the configuration", false, 0, 0},
        {"constants", OPTION_TEXT, &options->constants,
         "FILE: the constants that --measure writes (default linnet-constants.json)", false, 0, 0},
        {"measure", OPTION_FLAG, &options->measure,
         "measure this machine and write the file of constants; under mpirun also the network", false, 0, 0},
        {"link-gbit", OPTION_NUMBER, &options->link_gbit,
         "N: use a link of N Gb/s per host in place of the measured one", false, 0, 0},
        {"latency-us", OPTION_NUMBER, &options->latency_us,
         "N: use a latency of N microseconds between hosts in place of the measured one", false, 0, 0},
        {"node-memory-gb", OPTION_NUMBER, &options->node_memory_gb,
         "N: memory of a host in GB (default: the memory of this machine, or of its control group)", false, 0, 0},
        {"table", OPTION_FLAG, &options->table,
         "print a Markdown table for up to --hosts hosts and links of 10, 25 and 100 Gb/s", false, 0, 0},
        {"json", OPTION_FLAG, &options->json, "print one JSON object, in bytes and seconds", false, 0, 0},
    };
    const CommandLine line = {
        .synopsis = "linnet plan CONFIG.json --ranks N [--hosts N] | linnet plan --measure [CONFIG.json]",
        .summary =
            "Predict memory, bytes sent, seconds per update and efficiency of a run before it is submitted, with constants\n"
            "measured on the machine. docs/explanation/scaling.md says how accurate the predictions are.",
        .options = table,
        .count = sizeof table / sizeof *table,
        .example = "linnet plan --measure run.json && linnet plan run.json --ranks 2",
        .operands = "CONFIG.json",
        .settings = &options->overrides,
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
    int code = STATUS_OK;
    if (!helped && options.measure)
        code = (int)run_measure(&options, &error);
    else if (!helped && command_is_alone("plan", &code))
        code = (int)run_alone(&options, &error);
    options_free_list(&options.overrides);
    options_free_list(&operands);
    return code;
}
