"""What is published holds the package and its licences, nothing else, and is the same each time."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.release import ROOT, differences, faults_of_sdist, faults_of_wheel

_BUILD = """
import os, sys
from hatchling.build import build_sdist, build_wheel
build_wheel(sys.argv[1])
build_sdist(sys.argv[1])
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folders = tuple(tmp_path_factory.mktemp("dist") for _ in range(2))
    for folder in folders:
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1764300000"}
        subprocess.run([sys.executable, "-c", _BUILD, str(folder)], cwd=ROOT, env=environment, check=True)
    return folders[0], folders[1]


def test_two_builds_are_alike(built: tuple[Path, Path]) -> None:
    assert len(list(built[0].iterdir())) == 2
    assert differences(*built) == []


def test_a_build_that_differs_is_told(built: tuple[Path, Path], tmp_path: Path) -> None:
    (wheel,) = built[0].glob("*.whl")
    (tmp_path / wheel.name).write_bytes(wheel.read_bytes() + b"x")
    assert f"{wheel.name} differs from one build to the next." in differences(built[0], tmp_path)


def test_nothing_is_wrong_with_what_is_published(built: tuple[Path, Path]) -> None:
    (wheel,) = built[0].glob("*.whl")
    (sdist,) = built[0].glob("*.tar.gz")
    assert faults_of_wheel(wheel) == []
    assert faults_of_sdist(sdist) == []


def test_a_wheel_with_tests_and_without_a_licence_is_told(built: tuple[Path, Path], tmp_path: Path) -> None:
    (wheel,) = built[0].glob("*.whl")
    other = tmp_path / wheel.name
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            if not name.endswith("/NOTICE"):
                target.writestr(name, source.read(name))
        target.writestr("tests/test_it.py", "")
    told = " ".join(faults_of_wheel(other))
    assert "tests/test_it.py" in told
    assert "NOTICE is missing" in told


def test_the_workflow_publishes_what_was_checked_without_a_stored_secret() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text())
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert "make release" in [step.get("run") for step in build["steps"]]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["needs"] == "build"
    assert "secrets." not in (ROOT / ".github/workflows/release.yaml").read_text()
