/* The score of a language model. */
#include "linnet/evaluate/perplexity.h"
#include "linnet/core/elementary.h"
#include <inttypes.h>
#include <stdio.h>

double perplexity(double loss) {
    return elementary_exp(loss);
}

void perplexity_print(const char *title, const Metrics *metrics, const Scores *scores, double samples_per_second) {
    printf("%s\n  samples      %" PRId64 "\n  predictions  %" PRId64
           "\n  loss         %.4f\n  perplexity   %.4f\n  speed        %.1f samples/s\n",
           title, metrics->samples, metrics->predictions, scores->loss, perplexity(scores->loss), samples_per_second);
}
