"""Goals: what importing the package and its DAG costs, each in a fresh interpreter."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from tests.benchmarks.goals import Goal
from tests.benchmarks.machine import ROOT

CORE_GOAL, DAG_GOAL = 0.2, 0.3
RUNS = 5

# Every module of the rooms that know nothing of Airflow; the command line, which draws, is apart. What they
# are built on is timed first: it is the floor. Then ours again, when all that they import is there.
CORE = """
import importlib, json, pkgutil, sys, time
began = time.perf_counter()
import requests
beneath = time.perf_counter() - began
import mode_catalog_provider
for room in pkgutil.iter_modules(mode_catalog_provider.__path__):
    if room.name in ("http", "mode", "catalog", "snapshot", "lock", "audit"):
        package = importlib.import_module(f"mode_catalog_provider.{room.name}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
seconds = time.perf_counter() - began
ours = [name for name in sys.modules if name.split(".")[0] == "mode_catalog_provider"]
began = time.perf_counter()
for name in ours:
    del sys.modules[name]
for name in ours:
    importlib.import_module(name)
print(json.dumps([seconds, beneath, time.perf_counter() - began, len(ours)]))
"""

# What of Airflow the DAG file asks for is imported before the clock starts; with it, what Airflow needs. Like
# Airflow's DAG processor before it forks, it takes all that out of the garbage collector's sight.
DAG = """
import gc, importlib, json, runpy, sys, time
for name in json.loads(sys.argv[2]):
    importlib.import_module(name)
gc.freeze()
began = time.perf_counter()
runpy.run_path(sys.argv[1])
seconds = time.perf_counter() - began
airflow = [name for name in sys.modules if name.split(".")[0] == "airflow"]
print(json.dumps({"seconds": seconds, "airflow": airflow}))
"""


def import_times() -> Iterator[Goal]:
    """Time both imports, several times; the median counts."""
    timed = [json.loads(_python(CORE)) for _ in range(RUNS)]
    core, beneath, ours, modules = map(statistics.median, zip(*timed, strict=True))
    yield Goal(
        "import of all core modules of `mode_catalog_provider`",
        f"{core:.2f} s: `requests` alone {beneath:.2f} s, our {modules:.0f} modules without what they import "
        f"{ours:.2f} s",
        f"below {CORE_GOAL:g} s",
        core < CORE_GOAL,
    )
    file = str(ROOT / "dags" / "mode_catalog_sync.py")
    with tempfile.TemporaryDirectory() as home:
        airflow = json.loads(_python(DAG, file, "[]", home=home))["airflow"]
        timed = [json.loads(_python(DAG, file, json.dumps(airflow), home=home)) for _ in range(RUNS)]
    dag = statistics.median(one["seconds"] for one in timed)
    yield Goal(
        "import of `dags/mode_catalog_sync.py` beyond Airflow itself",
        f"{dag:.2f} s",
        f"below {DAG_GOAL:g} s",
        dag < DAG_GOAL,
    )


def _python(code: str, *arguments: str, home: str = "") -> str:
    # With what the interpreter compiled before, as an installed package has it.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
    if home:
        environment |= {"AIRFLOW_HOME": home, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=home or ROOT,
    )
    return done.stdout.splitlines()[-1]
