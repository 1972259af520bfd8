"""Clients of others, run as commands in a measured process."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.subject import cpu_seconds


def castor(mode: dict[str, Any], folder: str) -> dict[str, Any]:
    """The extractor of Catalog's vendor, configured by its variables."""
    environment = {
        "CASTOR_MODE_ANALYTICS_HOST": mode["url"],
        "CASTOR_MODE_ANALYTICS_WORKSPACE": mode["workspace"],
        "CASTOR_MODE_ANALYTICS_TOKEN": mode["token"],
        "CASTOR_MODE_ANALYTICS_SECRET": mode["secret"],
        "CASTOR_OUTPUT_DIRECTORY": folder,
    }
    return _run(["castor-extract-mode"], environment)


def datahub(mode: dict[str, Any], folder: str) -> dict[str, Any]:
    """DataHub's ingestion of Mode, into a file; what it writes cannot be compared with rows of ours."""
    recipe = {
        "source": {
            "type": "mode",
            "config": {
                "connect_uri": mode["url"],
                "workspace": mode["workspace"],
                "token": mode["token"],
                "password": mode["secret"],
            },
        },
        "sink": {"type": "file", "config": {"filename": f"{folder}/metadata"}},
    }
    path = Path(folder) / "recipe.yml"
    path.write_text(json.dumps(recipe))
    return _run(["datahub", "ingest", "-c", str(path)], {"DATAHUB_TELEMETRY_ENABLED": "false"})


def _run(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        sys.exit(f"exit code {done.returncode}, saying: {said[:200]}")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return {"cpu": cpu_seconds(resource.RUSAGE_CHILDREN), "peak": kilobytes / 1024}
