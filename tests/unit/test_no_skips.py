"""The plugin with which CI refuses skipped tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_it_loads_no_airflow_before_the_tests_have_made_one_of_their_own() -> None:
    code = "import sys, tests.no_skips; sys.exit('airflow' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=False)
    assert done.returncode == 0
