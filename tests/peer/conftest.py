"""What the comparisons measured, printed at the end: the figures of docs/interop.md."""
import importlib.metadata
import platform
from pathlib import Path

import pytest

DIFFERENCES = pytest.StashKey()


@pytest.fixture
def difference(request):
    """A function that notes how far two lists of probabilities are apart at most, and returns it."""

    def note(ours, theirs):
        largest = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
        kept = request.config.stash.setdefault(DIFFERENCES, [])
        kept.append((largest, len(ours)))
        return largest

    return note


def pytest_terminal_summary(terminalreporter, config):
    names = [line.split("==")[0] for line in Path(__file__).with_name("requirements.txt").read_text().splitlines() if "==" in line]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    terminalreporter.write_line(f"compared with Python {platform.python_version()}, {versions}")
    kept = config.stash.get(DIFFERENCES, [])
    if kept:
        largest, count = max(kept)[0], sum(count for _, count in kept)
        terminalreporter.write_line(f"largest difference of {count} probabilities: {largest:.2g}")
