#!/usr/bin/env python3
"""Write tests/unit/evaluate/target_scores_golden.h: scores of several labels and of numbers by scikit-learn and SciPy.

usage: make_target_scores.py > tests/unit/evaluate/target_scores_golden.h

Needs scikit-learn and SciPy (made with 1.9.1 and 1.17.1). Logits and targets are multiples of 1/8 or 1/4, so that many are equal and all
are exact. Where SciPy warns that an input is constant the correlation is NaN."""
import random
import warnings

import numpy
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import (accuracy_score, average_precision_score, f1_score, mean_absolute_error, mean_squared_error,
                             precision_recall_fscore_support, r2_score, root_mean_squared_error)

warnings.filterwarnings("ignore")
draw = random.Random(5)


def draw_labels(samples, labels, empty=()):
    targets = [[0 if k in empty else int(draw.random() < 0.3) for k in range(labels)] for _ in range(samples)]
    logits = [[round(8 * draw.gauss(2 * t - 1, 1)) / 8 for t in row] for row in targets]
    return numpy.array(logits), numpy.array(targets)


# The third label of the second case has no positive sample; the last case is one sample.
MULTI = [draw_labels(40, 4), draw_labels(25, 3, empty=(2,)), (numpy.array([[0.0, -0.125]]), numpy.array([[1, 0]]))]


def draw_numbers(samples, targets):
    truth = [[round(4 * draw.gauss(k, 2)) / 4 for k in range(targets)] for _ in range(samples)]
    found = [[round(8 * (0.7 * t + draw.gauss(0, 1))) / 8 for t in row] for row in truth]
    return numpy.array(found), numpy.array(truth)


# Several targets; equal truths; equal predictions; all right.
REGRESSION = [draw_numbers(50, 1), draw_numbers(30, 3), (numpy.array([[0.5], [1.0], [2.0]]), numpy.array([[1.0], [1.0], [1.0]])),
              (numpy.array([[1.5], [1.5], [1.5]]), numpy.array([[1.0], [2.0], [4.0]])),
              (numpy.array([[1.0], [-3.0]]), numpy.array([[1.0], [-3.0]]))]


def numbers(values):
    return ", ".join("NAN" if numpy.isnan(v) else repr(float(v)) for v in values)


def arrays(logits, targets):
    return (f".samples = {len(logits)}, .labels = {logits.shape[1]}, .logits = {{{numbers(logits.ravel())}}}, "
            f".targets = {{{numbers(targets.ravel())}}}")


def multi(logits, targets):
    predicted = (logits >= 0).astype(int)
    scores = [accuracy_score(targets, predicted), f1_score(targets, predicted, average="micro", zero_division=0),
              f1_score(targets, predicted, average="macro", zero_division=0), average_precision_score(targets, logits, average="macro")]
    precision, recall, f1, support = precision_recall_fscore_support(targets, predicted, zero_division=0, average=None)
    average = [average_precision_score(targets[:, k], logits[:, k]) for k in range(logits.shape[1])]
    each = ", ".join(f"{{{support[k]}, {predicted[:, k].sum()}, {(predicted & targets)[:, k].sum()}, "
                     f"{numbers([precision[k], recall[k], f1[k], average[k]])}}}" for k in range(logits.shape[1]))
    return f"    {{{arrays(logits, targets)}, .scores = {{{numbers(scores)}}}, .each = {{{each}}}}},"


def correlation(of, a, b):
    return of(a, b).statistic if len(a) > 1 else numpy.nan


def one_target(found, truth):
    return [mean_squared_error(truth, found), root_mean_squared_error(truth, found), mean_absolute_error(truth, found),
            correlation(pearsonr, found, truth), correlation(spearmanr, found, truth), r2_score(truth, found)]


def regression(found, truth):
    each = [one_target(found[:, k], truth[:, k]) for k in range(found.shape[1])]
    mean = [mean_squared_error(truth, found), root_mean_squared_error(truth, found), mean_absolute_error(truth, found),
            numpy.mean([e[3] for e in each]), numpy.mean([e[4] for e in each]), r2_score(truth, found)]
    return f"    {{{arrays(found, truth)}, .scores = {{{numbers(mean)}}}, .each = {{{', '.join('{' + numbers(e) + '}' for e in each)}}}}},"


print("/* Made by tests/golden/make_target_scores.py with scikit-learn and SciPy. */\nstatic const MultiGolden MULTI[] = {")
for case in MULTI:
    print(multi(*case))
print("};\n\nstatic const RegressionGolden REGRESSION[] = {")
for case in REGRESSION:
    print(regression(*case))
print("};")
