"""A private Airflow for the tests: its own home, its own database, the repository's DAG folders.

Airflow reads its environment when it is first imported, so :func:`prepare` must run before that; the
``conftest.py`` of every folder whose tests import Airflow calls it at import.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

REPOSITORY = Path(__file__).resolve().parents[2]
DAG_FOLDERS = {"dags": REPOSITORY / "dags", "tests": REPOSITORY / "tests" / "airflow" / "dags"}

# Of tests that run side by side each worker has its own.
_INHERITED = f"MODE_CATALOG_TESTS_AIRFLOW_HOME_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


@cache
def prepare() -> Path:
    """Point Airflow at a fresh home that is removed when the test process ends.

    A process that a test starts works in the home of that test.

    :return: the home folder.
    """
    _check_each_schema_once()
    if _INHERITED in os.environ:
        return Path(os.environ[_INHERITED])
    home = Path(tempfile.mkdtemp(prefix="mode-catalog-airflow-"))
    atexit.register(_remove, home, os.getpid())
    bundle = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundles = [
        {"name": name, "classpath": bundle, "kwargs": {"path": str(folder)}}
        for name, folder in DAG_FOLDERS.items()
    ]
    for name in [
        name for name in os.environ if name.startswith(("AIRFLOW_CONN_", "AIRFLOW_VAR_", "AIRFLOW__"))
    ]:
        del os.environ[name]
    os.environ.update(
        {
            _INHERITED: str(home),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
            # On a busy machine reading a DAG takes longer than the half minute that is the default.
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
            # Nobody listens to it, and it would send the test machine's facts away.
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
        }
    )
    return home


def _check_each_schema_once() -> None:
    """Airflow checks the schema of each param again at each look at it: a tenth of what a DAG run costs."""
    check, sound = Draft202012Validator.check_schema, set[str]()

    def check_once(schema: Any, **options: Any) -> None:
        text = json.dumps([schema, options], default=repr)
        if text not in sound:
            check(schema, **options)
            sound.add(text)

    Draft202012Validator.check_schema = staticmethod(check_once)  # type: ignore[method-assign]


def _remove(home: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a forked child
        shutil.rmtree(home, ignore_errors=True)
