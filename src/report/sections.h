#ifndef LINNET_REPORT_SECTIONS_H
#define LINNET_REPORT_SECTIONS_H
/* The sections of the page. They write to its stream; those that return a Status may be short of memory. */
#include "report/figures.h"
#include "report/html.h"
#include "report/report_run.h"

typedef struct {
    Run *runs; /* [count] */
    size_t count;
    size_t best;   /* the run of the best main score; the first one if none has any */
    size_t *group; /* [count] the first run whose settings differ from this one's in nothing but the seed */
} Page;

/* The scores of a run's last evaluation; `samples` is 0 where it has none. */
typedef struct {
    /* The main score and a second one: accuracy and macro F1, with several labels micro and macro F1, with regression RMSE
     * and Pearson's correlation. Bounds are NaN where they are not known. */
    Interval main, second;
    double loss;
    int64_t samples;
} RunScores;
RunScores run_scores(const Run *run);
/* How much a run is worth by its main score; NaN where it has none. */
double run_merit(const Run *run);

/* section_head.c: the head of the document up to <main>, and its end. */
void section_begin(Html *html, const Page *page);
void section_end(Html *html);
/* "finished after 564 steps", "under way, at step 120 of 564". */
void write_progress(Html *html, const Run *run);

/* section_summary.c: the figures that come first; several runs as a table, and means over seeds. */
void section_summary(Html *html, const Page *page);

/* section_scores.c: a table of the scores of the last evaluation, of each evaluation file. */
void write_scores_table(Html *html, const Run *run);

/* section_curves.c */
Status section_curves(Html *html, const Page *page, Error *error);

/* Parts of what is told of one run: `number` (from 1) makes ids unique, `level` is that of their headings.
 * section_classes.c: confusion matrix, and scores by class. */
void section_classes(Html *html, const Run *run, size_t number, int level);
/* section_calibration.c: the reliability diagram. */
void section_calibration(Html *html, const Run *run, size_t number, int level);
/* section_lengths.c: the histogram of lengths with the accuracy by length. */
void section_lengths(Html *html, const Run *run, size_t number, int level);
/* section_texts.c: which texts are shown (indices [2 × SHOWN_TEXTS]; returns how many), and their tables. */
enum { SHOWN_TEXTS = 10 };
size_t texts_to_show(const Run *run, int64_t *indices);
void section_texts(Html *html, const Run *run, size_t number, int level);

/* section_settings.c: what differs between the runs, and all settings. */
void section_settings(Html *html, const Page *page);
/* Whether two runs have the same settings but for the seed and where they read and write their own files. */
bool differ_in_seed_only(const Run *a, const Run *b);

/* section_times.c: where the time went; dates, versions, digests. */
void section_times(Html *html, const Page *page);
void section_origin(Html *html, const Page *page);

/* style.c: pieces of the style sheet, ended by NULL */
extern const char *const PAGE_STYLE[];

#endif
