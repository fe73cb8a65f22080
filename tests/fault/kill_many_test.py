"""Jobs that are killed at random moments and started again end with the bits of undisturbed jobs: 50 kills, or LINNET_KILLS (make kill-many)."""
import os
import subprocess
import sys

import pytest

from support import LINNET, ROOT


@pytest.mark.skipif("/san/" in LINNET, reason="the preloaded library replaces calls that the sanitizers replace")
def test_kill_many():
    kills = int(os.environ.get("LINNET_KILLS", "50"))
    # A busy machine can starve a job for minutes.
    limit = 60 if kills <= 50 else 600
    command = [sys.executable, ROOT / "tests/fault/kill_many.py", "--kills", str(kills), "--limit", str(limit), "--seed",
               os.environ.get("LINNET_SEED", "1")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300 + 12 * kills, cwd=ROOT)
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
