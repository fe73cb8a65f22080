/* Read the runs and write the page. See report.h. */
#include "linnet/report/report.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "report/sections.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define PAGE_START "<!DOCTYPE html>" /* how the page starts, and what it may replace */

static Status check_runs(char *const *runs, size_t count, Error *error) {
    if (count > REPORT_RUNS_MAX)
        return error_set(error, STATUS_INPUT, "%zu runs: a page shows up to %d", count, REPORT_RUNS_MAX);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (file_same(runs[i], runs[j]))
                return error_set(error, STATUS_INPUT, "%s and %s are the same folder: name each run once", runs[j],
                                 runs[i]);
    return STATUS_OK;
}

static Status read_run(Run *run, const char *path, Error *error) {
    int64_t shown[2 * SHOWN_TEXTS];
    if (run_read(run, path, error) || run_read_predictions(run, error)) return error->status;
    if (run_read_texts(run, shown, texts_to_show(run, shown), error)) return error->status;
    return run_read_times(run, error);
}

/* Runs of the same folder name are called by their paths. */
static void tell_apart(Page *page) {
    bool shared[REPORT_RUNS_MAX] = {false};
    for (size_t i = 0; i < page->count; i++)
        for (size_t j = 0; j < page->count; j++)
            shared[i] = shared[i] || (i != j && strcmp(page->runs[i].name, page->runs[j].name) == 0);
    for (size_t i = 0; i < page->count; i++)
        if (shared[i]) snprintf(page->runs[i].name, sizeof page->runs[i].name, "%s", page->runs[i].path);
}

static void compare_runs(Page *page) {
    double most = -INFINITY;
    for (size_t i = 0; i < page->count; i++) {
        const double merit = run_merit(&page->runs[i]);
        if (merit > most) {
            most = merit;
            page->best = i;
        }
        page->group[i] = i;
        for (size_t j = 0; j < i && page->group[i] == i; j++)
            if (page->group[j] == j && differ_in_seed_only(&page->runs[j], &page->runs[i])) page->group[i] = j;
    }
}

/* What is told of one run alone. */
static void write_run(Html *html, const Page *page, size_t i) {
    const Run *run = &page->runs[i];
    const size_t number = i + 1;
    const int level = page->count == 1 ? 2 : 3;
    if (page->count > 1) {
        html_print(html, "<details class=\"run\" id=\"run-%zu\"%s><summary><h2>Run ", number,
                   i == page->best ? " open" : "");
        html_text(html, run->name);
        html_print(html, "</h2></summary>\n");
        write_scores_table(html, run);
    }
    section_classes(html, run, number, level);
    section_calibration(html, run, number, level);
    section_texts(html, run, number, level);
    section_lengths(html, run, number, level);
    if (page->count > 1) html_print(html, "</details>\n");
}

static Status write_page(Html *html, const Page *page, Error *error) {
    section_begin(html, page);
    section_summary(html, page);
    if (section_curves(html, page, error)) return error->status;
    if (page->count > 1) html_print(html, "<div id=\"runs\">\n");
    for (size_t i = 0; i < page->count; i++) write_run(html, page, i);
    if (page->count > 1) html_print(html, "</div>\n");
    section_settings(html, page);
    section_times(html, page);
    section_origin(html, page);
    section_end(html);
    return STATUS_OK;
}

Status report_write(char *const *runs, size_t count, const char *output, Error *error) {
    Page page = {.count = 0};
    FILE *file = NULL;
    if (check_runs(runs, count, error) || file_check_replaced(output, PAGE_START, "an HTML page", error) ||
        file_probe(output, error))
        return error->status;
    page.runs = memory_allocate(count, sizeof *page.runs, error);
    page.group = memory_allocate(count, sizeof *page.group, error);
    for (; page.count < count && !error->status; page.count++)
        read_run(&page.runs[page.count], runs[page.count], error);
    if (!error->status) {
        tell_apart(&page);
        compare_runs(&page);
        if (!file_begin(&file, output, error)) {
            write_page(file, &page, error);
            file_end(file, output, error);
        }
    }
    if (!error->status) log_info("%s: %zu run%s", output, count, count > 1 ? "s" : "");
    for (size_t i = 0; i < page.count; i++) run_free(&page.runs[i]);
    memory_free(page.runs);
    memory_free(page.group);
    return error->status;
}
