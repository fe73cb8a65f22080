#!/usr/bin/env python3
"""Write tests/unit/evaluate/class_scores_golden.h: scores of each class by scikit-learn and their intervals.

usage: make_class_scores.py > tests/unit/evaluate/class_scores_golden.h

Needs scikit-learn and statsmodels (made with 1.9.1 and 0.15.0). Precision, recall, F1 and support are those of
precision_recall_fscore_support(zero_division=0), Wilson's intervals those of proportion_confint(method="wilson"). The
interval of macro F1 is the delta method with derivatives by finite differences, so that it shares no formula with
linnet's."""
import itertools

import numpy
from scipy.stats import norm
from sklearn.metrics import f1_score, precision_recall_fscore_support
from statsmodels.stats.proportion import proportion_confint

# Rows: the truth. The first is of a model on 3,534 tweets; then a class that is never predicted and one that occurs as
# a prediction only, classes that do not occur, and one sample.
CASES = [[[734, 229, 38], [224, 1001, 205], [51, 240, 812]],
         [[40, 3, 0, 1], [7, 0, 0, 2], [5, 0, 0, 0], [0, 0, 0, 0]],
         [[9, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [2, 0, 0, 8]],
         [[0, 0], [1, 0]],
         [[12, 0], [0, 7]],
         [[99990, 10], [20, 80]]]


def wilson(hits, count):
    if count == 0:
        return 0.0, 0.0, 1.0
    low, high = proportion_confint(hits, count, method="wilson")
    return hits / count, max(low, 0.0), min(high, 1.0)


def macro_f1(cells, classes):
    return numpy.mean([2 * cells[k, k] / (cells[k].sum() + cells[:, k].sum()) for k in classes])


def macro_interval(matrix, classes):
    """The delta method for multinomial proportions: Var g(p) = (sum p g'^2 - (sum p g')^2) / n."""
    n = matrix.sum()
    p = (matrix / n).astype(numpy.longdouble)
    first = second = numpy.longdouble(0)
    for cell in itertools.product(range(len(p)), repeat=2):
        if p[cell] == 0:
            continue
        step = p[cell] * numpy.longdouble(1e-6)
        up, down = p.copy(), p.copy()
        up[cell] += step
        down[cell] -= step
        slope = (macro_f1(up, classes) - macro_f1(down, classes)) / (2 * step)
        first += p[cell] * slope
        second += p[cell] * slope**2
    mean = float(macro_f1(p, classes))
    half = norm.ppf(0.975) * float(numpy.sqrt(max(second - first**2, 0) / n))
    return mean, max(mean - half, 0.0), min(mean + half, 1.0)


def interval(of):
    return "{" + ", ".join(repr(float(v)) for v in of) + "}"


print("/* Made by tests/golden/make_class_scores.py with scikit-learn and statsmodels. */")
print("static const Golden GOLDEN[] = {")
for rows in CASES:
    matrix = numpy.array(rows)
    labels = range(len(rows))
    classes = [k for k in labels if matrix[k].sum() + matrix[:, k].sum() > 0]
    pairs = [(t, p) for t in labels for p in labels for _ in range(matrix[t, p])]
    truth, predicted = zip(*pairs)
    scores = precision_recall_fscore_support(truth, predicted, labels=list(labels), zero_division=0)
    means = precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)
    print(f"    {{.labels = {len(rows)},\n     .confusion = {{{', '.join(map(str, matrix.ravel()))}}},\n     .classes = {{")
    bounds = []
    for k in labels:
        tp, fp, fn = matrix[k, k], matrix[:, k].sum() - matrix[k, k], matrix[k].sum() - matrix[k, k]
        precision, recall, union = wilson(tp, tp + fp), wilson(tp, tp + fn), wilson(tp, tp + fp + fn)
        f1 = (scores[2][k], *(2 * j / (1 + j) for j in union[1:]))
        bounds += [f1] if k in classes else []
        assert abs(precision[0] - scores[0][k]) + abs(recall[0] - scores[1][k]) < 1e-15
        print(f"         {{{scores[3][k]},\n          {interval(precision)},\n          {interval(recall)},\n"
              f"          {interval(f1)}}},")
    overall = macro_interval(matrix, classes)
    assert abs(overall[0] - f1_score(truth, predicted, average="macro")) < 1e-15
    if overall[2] - overall[1] < 1e-6:  # no width: the means of the classes' bounds
        overall = (overall[0], *numpy.mean([b[1:] for b in bounds], axis=0))
    accuracy = wilson(numpy.trace(matrix), matrix.sum())
    print(f"     }},\n     .overall = {{.accuracy = {interval(accuracy)},\n                 .f1 = {interval(overall)},\n"
          f"                 .precision = {float(means[0])!r},\n                 .recall = {float(means[1])!r}}}}},")
print("};")
