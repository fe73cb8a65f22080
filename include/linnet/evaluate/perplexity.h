#ifndef LINNET_EVALUATE_PERPLEXITY_H
#define LINNET_EVALUATE_PERPLEXITY_H
/** The score of a language model. Not collective. */
#include "linnet/evaluate/metrics.h"

/** e^loss, as run_clm.py of Transformers reports it: the number of tokens among which the model is as uncertain as in an
 *  even choice. Infinity from a loss of 709.8 on; NaN for NaN. */
double perplexity(double loss);

/** Print the score to standard output under `title`, with the speed in texts. */
void perplexity_print(const char *title, const Metrics *metrics, const Scores *scores, double samples_per_second);
#endif
