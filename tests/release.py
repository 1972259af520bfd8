"""`make release`: builds wheel and sdist twice, compares, checks them, and writes an SBOM beside them.

Nothing is signed and nothing is uploaded: the workflow `release` publishes what this left in dist/.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
SBOM = "mode-catalog-provider.cdx.json"
LICENCES = ("LICENSE", "NOTICE")


def main() -> int:
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory() as again:
        build(DIST)
        build(Path(again))
        faults = differences(DIST, Path(again))
    (wheel,) = DIST.glob("*.whl")
    (sdist,) = DIST.glob("*.tar.gz")
    faults += [*faults_of_wheel(wheel), *faults_of_sdist(sdist)]
    _run("twine", "check", "--strict", str(wheel), str(sdist))
    _run(
        *("cyclonedx_py", "requirements", "requirements/run.txt", "--pyproject", "pyproject.toml"),
        *("--output-reproducible", "--of", "JSON", "-o", str(DIST / SBOM)),
    )
    for fault in faults:
        print(fault, file=sys.stderr)
    for path in sorted(DIST.iterdir()):
        print(f"{_hash(path)}  dist/{path.name}")
    return 1 if faults else 0


def build(folder: Path) -> None:
    """Build both into a folder, dated with the last commit, without anything from the network."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH") or _last_commit()}
    _run("build", "--no-isolation", "--outdir", str(folder), str(ROOT), environment=environment)


def differences(first: Path, second: Path) -> list[str]:
    """Return a sentence for each file that two builds did not make alike."""
    names = {path.name for folder in (first, second) for path in folder.iterdir()}
    return [
        f"{name} differs from one build to the next."
        for name in sorted(names)
        if len({_hash(folder / name) if (folder / name).exists() else "" for folder in (first, second)}) > 1
    ]


def faults_of_wheel(wheel: Path) -> list[str]:
    """Return a sentence for each thing that is wrong with a wheel."""
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        (home,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
        metadata = Parser().parsestr(opened.read(f"{home}/METADATA").decode())
        points = opened.read(f"{home}/entry_points.txt").decode()
    faults = [
        f"The wheel holds {name}, which is none of the package's."
        for name in names
        if not name.startswith(("mode_catalog_provider/", f"{home}/")) or "tests/" in name
    ]
    faults += _lacking(names, [f"{home}/licenses/{name}" for name in LICENCES])
    dags = [f"mode_catalog_provider/example_dags/{path.name}" for path in (ROOT / "dags").glob("*.py")]
    faults += _lacking(names, ["mode_catalog_provider/py.typed", *dags])
    if "Framework :: Apache Airflow :: Provider" not in metadata.get_all("Classifier", []):
        faults.append("The wheel is not classified as a provider of Airflow.")
    if "[apache_airflow_provider]" not in points or "mode-catalog = " not in points:
        faults.append("The wheel lacks an entry point: Airflow's or the command's.")
    return faults


def faults_of_sdist(sdist: Path) -> list[str]:
    """Return a sentence for each thing that an sdist lacks."""
    with tarfile.open(sdist) as opened:
        names = [name.partition("/")[2] for name in opened.getnames()]
    return _lacking(
        names, [*LICENCES, "pyproject.toml", "README.md", "CHANGELOG.md", "mkdocs.yml", "Makefile"]
    )


def _lacking(names: Iterable[str], wanted: Iterable[str]) -> list[str]:
    there = set(names)
    return [f"{name} is missing." for name in wanted if name not in there]


def _last_commit() -> str:
    told = subprocess.run(
        ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True
    )
    return told.stdout.strip() or "1577836800"


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(module: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{module} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
