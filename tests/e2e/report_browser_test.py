"""The page of `linnet report` in a browser: nothing is loaded, nothing complains, charts are drawn in each theme and width, and a screen
reader is told what they show."""
import json
import shutil

import numpy as np
import pytest

from browser import Browser, Page, pixels
from support import evaluation_events, linnet, train


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def run(sample, tmp_path_factory):
    return train(tmp_path_factory.mktemp("run"), model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test,
                 global_batch_size=20, reduction_units=4, max_steps=12, learning_rate=3e-3, logging_steps=1, eval_strategy="steps",
                 eval_steps=4, save_strategy="no")


@pytest.fixture(scope="module")
def pages(run, tmp_path_factory):
    """The page of a run, that of twenty, and one of a run whose values are small, large and many."""
    folder = tmp_path_factory.mktemp("pages")
    linnet("report", run, "-o", folder / "one.html")
    linnet("report", *[shutil.copytree(run, folder / f"run{i}") for i in range(20)], "-o", folder / "many.html")
    lines = [{"step": 1000 * i, "epoch": i, "loss": 1.2345e-4 * i, "learning_rate": 1.3e-5 / i, "grad_norm": 3.25e9 / i,
              "tokens_per_second": 1.5e6 / i, "samples_per_second": 9} for i in range(1, 120)]
    (folder / "wide").mkdir()
    (folder / "wide/metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    linnet("report", folder / "wide", "-o", folder / "wide.html")
    return {name: folder / f"{name}.html" for name in ("one", "many", "wide")}


def shares(image, color, near=40):
    """How many pixels are near a colour."""
    return int((np.abs(image.astype(int) - color).sum(axis=2) <= near).sum())


def colour(page, name):
    """A colour of the style sheet, as red, green and blue."""
    value = page.run(f"getComputedStyle(document.documentElement).getPropertyValue('{name}')").strip().lstrip("#")
    value = "".join(2 * digit for digit in value) if len(value) == 3 else value
    return np.array([int(value[i : i + 2], 16) for i in (0, 2, 4)])


def luminance(rgb):
    """Relative luminance (WCAG 2.2)."""
    part = rgb / 255
    return float(np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["one", "many", "wide"])
@pytest.mark.parametrize("width, dark, media", [(1200, False, ""), (1200, True, ""), (360, False, ""), (360, True, ""), (700, False, "print")])
def test_page_fits_and_is_quiet(browser, pages, name, width, dark, media):
    page = Page(browser, pages[name], width=width, dark=dark, media=media)
    assert page.complaints() == [] and page.requests() == []
    assert page.run("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    outside = page.run("""[...document.querySelectorAll('svg.plot text')].filter(text => {
        const box = text.getBoundingClientRect(), chart = text.ownerSVGElement.getBoundingClientRect();
        return chart.width > 0 && (box.left < chart.left - 1 || box.right > chart.right + 1 || box.bottom > chart.bottom + 1);
    }).map(text => text.ownerSVGElement.getAttribute('aria-labelledby') + ': ' + text.textContent)""")
    assert outside == [], "texts that are cut off"
    small = page.run("""[...document.querySelectorAll('svg.plot .tick text')].filter(text => text.getBoundingClientRect().height > 0)
        .map(text => text.getBoundingClientRect().height)""")
    assert min(small) >= 9, "ticks that cannot be read"


@pytest.mark.parametrize("dark", [False, True])
def test_charts_are_drawn(browser, pages, dark):
    """Each chart has lines in the colour of its run, and grid and page in theirs."""
    page = Page(browser, pages["one"], dark=dark)
    line, other, ground = colour(page, "--s0"), colour(page, "--s1"), colour(page, "--page")
    assert (luminance(ground) < 0.05) == dark
    for chart, colors in (("#c-loss", (line, other)), ("#c-accuracy", (line, other)), ("#c-rate", (line,)), ("#c-norm", (line,)),
                          ("#c-speed", (line,)), ("#calibration-1", (colour(page, "--bar"), other)), ("#lengths-1", (colour(page, "--count"), other))):
        image = pixels(page.screenshot(f"{chart} svg.plot"))
        assert shares(image, ground) > image.shape[0] * image.shape[1] / 4, chart
        for color in colors:
            assert shares(image, color) > 30, (chart, color)  # of 50 and more; smoothed edges have other colours
    matrix = pixels(page.screenshot("table.matrix"))
    assert len(np.unique(matrix.reshape(-1, 3), axis=0)) > 20


def test_lines_of_twenty_runs_differ(browser, pages):
    """The same run twenty times: each swatch of the legend has its own colour and dashes."""
    page = Page(browser, pages["many"])
    swatches = [pixels(page.screenshot(f"#curves > .legend li:nth-child({i + 1}) .swatch")).tobytes() for i in range(20)]
    assert len(set(swatches)) == 20


@pytest.mark.parametrize("dark", [False, True])
def test_contrast(browser, pages, dark):
    """WCAG 2.2 AA: texts 4.5 to 1 (also on the darkest cell of the matrix), lines of charts 3 to 1."""
    page = Page(browser, pages["one"], dark=dark)
    ground = colour(page, "--page")
    for name in ("--ink", "--soft", "--link"):
        assert contrast(colour(page, name), ground) >= 4.5, name
    for i in range(7):
        assert contrast(colour(page, f"--s{i}"), ground) >= 3, i
    heat = np.array([int(part) for part in page.run("getComputedStyle(document.documentElement).getPropertyValue('--heat')").split(",")])
    darkest = 0.46 * heat + 0.54 * ground
    assert contrast(colour(page, "--ink"), darkest) >= 4.5


def test_screen_reader(browser, pages, run):
    page = Page(browser, pages["one"])
    tree = page.tree()
    names = [name for _, name in tree]
    last = evaluation_events(run)[-1]
    assert f"{100 * last['eval_accuracy']:.1f}\N{NO-BREAK SPACE}%" in names
    for heading in ("Summary", "Curves", "Classes", "Calibration", "Texts", "Lengths", "Settings", "Where the time went", "Origin"):
        assert ("heading", heading) in tree
    images = [name for role, name in tree if role in ("image", "img")]
    assert len([name for name in images if name.startswith(("Loss over", "Accuracy over", "Reliability diagram", "Texts and accuracy"))]) == 4
    assert not [name for role, name in tree if role in ("image", "img") and not name], "a drawing without a name"
    roles = {role for role, _ in tree}
    assert {"main", "navigation", "contentinfo", "banner", "table", "columnheader", "rowheader", "cell"} <= roles
    described = page.run("document.getElementById('c-accuracy-d').textContent")
    assert f"accuracy: {evaluation_events(run)[0]['eval_accuracy']:.4g} at step 4" in described


def test_keyboard(browser, pages):
    """Tab reaches the contents, each table that may scroll and each table of values, and shows where it is."""
    page = Page(browser, pages["one"], width=360)
    reached = []
    for _ in range(80):
        for kind in ("rawKeyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        seen = page.run("""(e => [e.tagName, e.getAttribute('aria-label') || e.textContent.slice(0, 40),
            getComputedStyle(e).outlineStyle])(document.activeElement)""")
        if seen[0] == "BODY":
            break
        reached.append(seen)
    labels = [label for _, label, _ in reached]
    assert labels[:2] == ["Skip to the summary", "Summary"]
    assert {"Confusion matrix", "Scores by class", "Most confidently wrong", "Hardest", "Origin of the runs"} <= set(labels)
    assert [tag for tag, _, _ in reached].count("SUMMARY") == page.run("document.querySelectorAll('summary').length")
    assert {style for _, _, style in reached} == {"solid"}


def test_printed_page_opens_what_is_closed(browser, pages):
    """On paper nothing can be opened: all runs and all settings are there; the tables of values are left out."""
    page = Page(browser, pages["many"], width=700, media="print")
    heights = page.run("[...document.querySelectorAll('details.run')].map(e => e.getBoundingClientRect().height)")
    assert len(heights) == 20 and min(heights) > 500
    assert page.run("document.querySelector('#settings details table').getBoundingClientRect().height") > 300
    assert page.run("document.querySelector('#c-accuracy details').getBoundingClientRect().height") == 0
