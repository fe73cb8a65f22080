#!/usr/bin/env python3
"""Write tests/unit/evaluate/scores_golden.h: all scores of an evaluation, by scikit-learn.

usage: make_metrics.py > tests/unit/evaluate/scores_golden.h

Needs scikit-learn (made with 1.9.1) and numpy. The probabilities are the softmax, in float64, of logits in float32. Some
samples of a case have the logits of another one, so that their probabilities are equal bit by bit. The expected calibration error is equation
3 of Guo et al. (arXiv:1706.04599) over 15 bins of equal width, of which scikit-learn has no function."""
import numpy
from sklearn.metrics import (accuracy_score, f1_score, log_loss, matthews_corrcoef, precision_recall_fscore_support,
                             precision_score, recall_score, roc_auc_score)

BINS = 15


def cases():
    random = numpy.random.default_rng(18)
    for labels, samples, spread, signal in [(3, 60, 1.0, 1.5), (2, 50, 1.0, 1.0), (2, 3, 1.0, 0.0), (4, 40, 3.0, 0.5), (3, 9, 0.25, 0.0)]:
        truth = numpy.concatenate([numpy.arange(labels), random.integers(0, labels, max(samples - labels, 0))])[:samples]
        logits = random.normal(0, spread, (samples, labels))
        logits[numpy.arange(samples), truth] += signal
        logits[samples // 2:] = logits[random.integers(0, samples // 2, samples - samples // 2)]
        yield truth, logits.astype(numpy.float32)
    yield numpy.array([0, 0, 1, 1]), numpy.zeros((4, 2), numpy.float32)  # all equal
    yield numpy.array([0, 1, 1]), numpy.array([[3, 1], [-2, 1], [0, 1]], numpy.float32)  # all in order
    yield numpy.array([1, 0]), numpy.array([[3, 1], [-2, 1]], numpy.float32)  # all wrong
    yield numpy.array([0, 0, 2, 2]), numpy.array([[3, 1, 0], [0, 2, 1], [0, 0, 1], [1, 0, 0]], numpy.float32)  # a class is absent
    yield numpy.array([1]), numpy.array([[0.5, 1]], numpy.float32)


def calibration_error(truth, probabilities):
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = numpy.minimum(numpy.floor(confidence * BINS).astype(int), BINS - 1)
    return sum(numpy.mean(bins == b) * abs(numpy.mean(right[bins == b]) - numpy.mean(confidence[bins == b])) for b in set(bins))


def areas(truth, probabilities):
    labels = probabilities.shape[1]
    if len(set(truth)) < labels:
        return float("nan"), float("nan")
    if labels == 2:
        return (roc_auc_score(truth, probabilities[:, 1]),) * 2
    return [roc_auc_score(truth, probabilities, multi_class="ovr", average=average) for average in ("macro", "weighted")]


def scores(truth, logits):
    exact = logits.astype(numpy.float64)
    exact -= exact.max(axis=1, keepdims=True)
    probabilities = numpy.exp(exact) / numpy.exp(exact).sum(axis=1, keepdims=True)
    predicted, area = logits.argmax(axis=1), areas(truth, probabilities)
    mean = [[of(truth, predicted, average=average, zero_division=0) for of in (f1_score, precision_score, recall_score)]
            for average in ("macro", "weighted")]
    return {"loss": log_loss(truth, probabilities, labels=range(logits.shape[1])), "accuracy": accuracy_score(truth, predicted),
            "f1": mean[0][0], "mcc": matthews_corrcoef(truth, predicted), "auroc": area[0],
            "ece": calibration_error(truth, probabilities), "precision": mean[0][1], "recall": mean[0][2],
            "f1_weighted": mean[1][0], "precision_weighted": mean[1][1], "recall_weighted": mean[1][2], "auroc_weighted": area[1]}


def listed(values):
    return ", ".join("NAN" if value != value else repr(float(value)) for value in values)


print("/* Made by tests/golden/make_metrics.py with scikit-learn. */\n/* clang-format off */\nstatic const Golden GOLDEN[] = {")
for truth, logits in cases():
    print(f"    {{{logits.shape[1]}, {len(truth)}, {{{', '.join(map(str, truth))}}},\n     {{{listed(logits.ravel())}}},\n     {{")
    for name, value in scores(truth, logits).items():
        print(f'         {{"{name}", {listed([value])}}},')
    per_class = precision_recall_fscore_support(truth, logits.argmax(axis=1), labels=range(logits.shape[1]), zero_division=0)
    for k in range(logits.shape[1]):
        for name, values in zip(("precision", "recall", "f1", "support"), per_class):
            print(f'         {{"{name}_label {k}", {listed([values[k]])}}},')
    print("     }},")
print("};\n/* clang-format on */")
