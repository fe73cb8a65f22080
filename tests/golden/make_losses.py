#!/usr/bin/env python3
"""Write tests/unit/kernels/loss_golden.h: losses with class weights, label smoothing and focal factor, and their gradients.

usage: make_losses.py > tests/unit/kernels/loss_golden.h

Needs PyTorch and mpmath (made with 2.13.0 and 1.3.0). Cross-entropy is torch.nn.functional.cross_entropy(weight=,
label_smoothing=) in float64, the focal loss torch's functions by the formula of arXiv:1708.02002 with alpha the weight of
the label; gradients are autograd's, of the sum of the losses divided by the sum of the weights of the labels. Where a
probability comes so near to 0 or 1 that float64 loses it, the figures are mpmath's with 60 digits, the gradients by its
own differences."""
import mpmath
import torch

THREE = [[1.5, -0.25, 0.5], [-2.0, 3.0, 0.125], [10.0, -20.0, 5.0], [0.0, 0.0, 0.25]]
FIVE = [[0.5, -1.0, 2.25, 0.0, -0.75], [3.0, 2.0, 1.0, 0.0, -1.0]]
TWO = [[0.75, -0.5], [-4.0, 4.0], [1.0, 1.0]]
# The label has all of the probability, nearly none, none that float64 can hold, all that it can hold, and half.
FAR = [[40.0, 0.0, -3.0], [40.0, 0.0, -3.0], [0.0, 800.0, 1.0], [800.0, 0.0, -1.0], [20.0, 20.0, -20.0], [7.5, 0.0, -1.0]]
FAR_TARGETS = [0, 1, 0, 0, 0, 0]

# logits, targets, weights, smoothing, gamma
CASES = [(THREE, [2, 0, 1, 2], [0.5, 2.0, 1.25], 0.0, 0.0),
         (THREE, [2, 0, 1, 2], [0.5, 2.0, 1.25], 0.1, 0.0),
         (THREE, [2, 0, 1, 2], [0.0, 3.0, 0.75], 0.3, 0.0),
         (THREE, [2, 0, 1, 2], [0.5, 2.0, 1.25], 1.0, 0.0),
         (FIVE, [4, 0], [0.1, 0.2, 0.3, 0.4, 0.5], 0.05, 0.0),
         (TWO, [0, 0, 1], [1.0, 9.5], 0.0, 0.0),
         (THREE, [2, 0, 1, 2], None, 0.0, 2.0),
         (THREE, [2, 0, 1, 2], [0.5, 2.0, 1.25], 0.0, 2.0),
         (FIVE, [4, 0], [0.1, 0.2, 0.3, 0.4, 0.5], 0.0, 1.0),
         (TWO, [0, 0, 1], [1.0, 9.5], 0.0, 0.5),
         (FAR, FAR_TARGETS, None, 0.0, 2.0),
         (FAR, FAR_TARGETS, [0.25, 4.0, 1.0], 0.0, 0.5),
         (FAR, FAR_TARGETS, None, 0.0, 5.0)]


def by_torch(rows, targets, weights, smoothing, gamma):
    logits = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor(targets)
    w = torch.tensor(weights or [1.0] * len(rows[0]), dtype=torch.float64)
    if gamma == 0.0:
        each = torch.nn.functional.cross_entropy(logits, labels, weight=w, label_smoothing=smoothing, reduction="none")
        mean = torch.nn.functional.cross_entropy(logits, labels, weight=w, label_smoothing=smoothing)
    else:
        minus_log = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        each = w[labels] * (1 - torch.exp(-minus_log)) ** gamma * minus_log
        mean = each.sum() / w[labels].sum()
    mean.backward()
    return each.tolist(), mean.item(), logits.grad.tolist()


def by_mpmath(rows, targets, weights, gamma):
    mpmath.mp.dps = 60
    weights = weights or [1.0] * len(rows[0])
    total = sum(mpmath.mpf(weights[target]) for target in targets)

    def loss(target, *row):
        others = mpmath.fsum(mpmath.exp(z - row[target]) for k, z in enumerate(row) if k != target)
        return mpmath.mpf(weights[target]) * (others / (1 + others)) ** gamma * mpmath.log1p(others)

    # The derivative of a function that tends to 0 like a power of exp(z) needs no more digits than its value.
    each = [loss(target, *map(mpmath.mpf, row)) for row, target in zip(rows, targets)]
    gradient = [[mpmath.diff(lambda z, row=row, target=target, k=k: loss(target, *row[:k], z, *row[k + 1:]), row[k]) / total
                 for k in range(len(row))] for row, target in zip([list(map(mpmath.mpf, row)) for row in rows], targets)]
    return [float(x) for x in each], float(mpmath.fsum(each) / total), [[float(x) for x in row] for row in gradient]


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


def flat(rows):
    return [value for row in rows for value in row]


print("/* Made by tests/golden/make_losses.py with PyTorch and mpmath. */")
print("static const Golden GOLDEN[] = {")
for rows, targets, weights, smoothing, gamma in CASES:
    losses, mean, gradient = by_mpmath(rows, targets, weights, gamma) if rows is FAR else by_torch(rows, targets, weights, smoothing, gamma)
    print(f"    {{.n = {len(rows)},\n     .labels = {len(rows[0])},\n     .smoothing = {smoothing},\n     .gamma = {gamma},\n"
          f"     .weighted = {'true' if weights else 'false'},\n     .weights = {numbers(weights or [1.0])},\n"
          f"     .logits = {numbers(flat(rows))},\n     .targets = {{{', '.join(map(str, targets))}}},\n"
          f"     .losses = {numbers(losses)},\n     .mean = {mean!r},\n     .gradient = {numbers(flat(gradient))}}},")
print("};")
