#!/usr/bin/env python3
"""Draw the loss and the accuracy of a run as an SVG that is readable on light and dark pages.

usage: plot_run.py RUN/metrics.jsonl [--baseline SHARE] > run.svg
  --baseline  share of the largest class, drawn as a line: the accuracy of always answering that class"""
import argparse
import itertools
import json
import math
import sys

WIDTH, HEIGHT, LEFT, TOP, PANEL_WIDTH, PANEL_HEIGHT, NEXT = 860, 300, 56, 44, 350, 204, 424
TEXT, GRID, TRAIN, EVALUATION = "#7d8590", "#7d859055", "#3b82f6", "#e8792b"


def ticks(low, high, count=5):
    """Round numbers that cover low … high."""
    raw = (high - low) / count
    size = 10.0 ** math.floor(math.log10(raw))
    step = min((m * size for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - raw))
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 10) for i in range(first, last + 1)]


def text(x, y, words, anchor="middle", color=TEXT, weight="normal"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" font-weight="{weight}">{words}</text>'


class Panel:
    def __init__(self, left, title, epochs, values):
        self.left, self.y = left, ticks(min(values), max(values))
        self.x = [x for x in ticks(0, epochs) if x <= epochs * 1.001]
        self.most = max(epochs, self.x[-1])
        self.parts = [text(left + PANEL_WIDTH / 2, TOP - 24, title, weight="bold")]
        for y in self.y:
            self.parts.append(f'<path d="M{left} {self.at_y(y):.1f}h{PANEL_WIDTH}" stroke="{GRID}"/>')
            self.parts.append(text(left - 8, self.at_y(y) + 4, f"{y:g}", "end"))
        for x in self.x:
            self.parts.append(text(self.at_x(x), TOP + PANEL_HEIGHT + 20, f"{x:g}"))
        self.parts.append(text(left + PANEL_WIDTH / 2, TOP + PANEL_HEIGHT + 40, "epoch"))

    def at_x(self, x):
        return self.left + x / self.most * PANEL_WIDTH

    def at_y(self, y):
        return TOP + PANEL_HEIGHT - (y - self.y[0]) / (self.y[-1] - self.y[0]) * PANEL_HEIGHT

    def line(self, points, color, width=2):
        path = " ".join(f"{self.at_x(x):.1f},{self.at_y(y):.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width}" stroke-linejoin="round"/>')

    def dotted_line(self, points, color):
        self.line(points, color)
        self.parts += [f'<circle cx="{self.at_x(x):.1f}" cy="{self.at_y(y):.1f}" r="3" fill="{color}"/>' for x, y in points]

    def legend(self, entries):
        for i, (words, color) in enumerate(entries):
            self.parts.append(text(self.left + PANEL_WIDTH - 4, TOP + 12 + 18 * i, words, "end", color, "bold"))


def draw(events, baseline):
    # What follows the summary is an evaluation of the final model, not a point of the curve.
    events = list(itertools.takewhile(lambda event: "train_loss" not in event, events))
    train = [(e["epoch"], e["loss"]) for e in events if e.get("loss") is not None]
    losses = [(e["epoch"], e["eval_loss"]) for e in events if e.get("eval_loss") is not None]
    accuracies = [(e["epoch"], e["eval_accuracy"]) for e in events if e.get("eval_loss") is not None]
    epochs = max(e["epoch"] for e in events)
    panels = [Panel(LEFT, "loss", epochs, [y for _, y in train + losses])]
    panels[0].line(train, TRAIN, 1.5)
    panels[0].dotted_line(losses, EVALUATION)
    panels[0].legend([("training", TRAIN), ("held out", EVALUATION)])
    if accuracies:
        values = [y for _, y in accuracies] + ([] if baseline is None else [baseline])
        panel = Panel(LEFT + NEXT, "accuracy on held-out texts", epochs, values)
        panel.dotted_line(accuracies, EVALUATION)
        if baseline is not None:
            y = panel.at_y(baseline)
            panel.parts.append(f'<path d="M{panel.left} {y:.1f}h{PANEL_WIDTH}" stroke="{TEXT}" stroke-dasharray="5 4"/>')
            panel.parts.append(text(panel.left + PANEL_WIDTH - 4, y - 6, f"always the largest class: {baseline:.3f}", "end"))
        panels.append(panel)
    body = "\n".join(part for panel in panels for part in panel.parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">\n'
            f"{body}\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metrics")
    parser.add_argument("--baseline", type=float)
    arguments = parser.parse_args()
    with open(arguments.metrics) as file:
        events = [json.loads(line) for line in file]
    if not any(event.get("loss") is not None for event in events):
        sys.exit(f"plot_run: {arguments.metrics} has no line with a loss")
    sys.stdout.write(draw(events, arguments.baseline))


if __name__ == "__main__":
    main()
