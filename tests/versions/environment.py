"""The environment of one pair: made by uv, with the wheel in it, and the tools of the tests beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path

from tests.versions.pairs import Pair

ROOT = Path(__file__).resolve().parents[2]

#: Younger than the constraints of Airflow 3.1.0 to 3.1.3, which must be told to let it pass.
_YOUNGER = ("urllib3=2026-01-01",)


class NotInstalledError(Exception):
    """The pair cannot be installed; the message is the installer's."""


class NoPythonError(Exception):
    """This machine has no such Python, and uv cannot fetch it."""


class Environment:
    """One pair's environment in a folder.

    :param log: where everything that is run writes to.
    """

    def __init__(self, pair: Pair, folder: Path) -> None:
        self.pair = pair
        self.folder = folder
        self.log = folder / "log"
        self.bin = folder / "venv" / "bin"
        #: How the dependencies were chosen, in words.
        self.chosen = ""

    def make(self, wheel: Path) -> None:
        """Make it anew.

        :raises NoPythonError: there is no such Python.
        :raises NotInstalledError: the versions cannot be installed together.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        if self._uv("venv", "--python", interpreter(self.pair.python), str(self.bin.parent)):
            raise NoPythonError(f"There is no Python {self.pair.python} here, and uv cannot fetch one.")
        product = [f"{wheel}[openlineage,s3,sql]", f"apache-airflow=={self.pair.airflow}"]
        if self._pip(*product, *self._choice()):
            raise NotInstalledError(self.last_words())
        frozen = self.folder / "frozen.txt"
        frozen.write_text(self._frozen(wheel))
        # The tools of the tests must not change what is tested; what they share with it stays as it is.
        if self._pip(f"{wheel}[test]", "pyyaml", "hatchling", "psutil", "--constraint", str(frozen)):
            raise NotInstalledError(self.last_words())
        if self._uv("pip", "check", "--python", str(self.bin / "python")):
            raise NotInstalledError(self.last_words())

    def run(self, *command: str, home: Path | None = None, timeout: float = 3600) -> tuple[int, str]:
        """Run a command of the environment in the repository; return its exit code and what it printed."""
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AIRFLOW", "PYTHON", "VIRTUAL_ENV"))
            },
            "PATH": f"{self.bin}{os.pathsep}{os.environ.get('PATH', '')}",
            "AIRFLOW_HOME": str(home or self.folder / "home"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        try:
            done = subprocess.run(
                [str(self.bin / command[0]), *command[1:]],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            self._note(command, str(error.stdout or ""))
            return 124, f"It was not done after {timeout:.0f} s."
        self._note(command, done.stdout)
        return done.returncode, done.stdout

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-8:])

    def _choice(self) -> list[str]:
        """Return the installer's arguments that choose the dependencies."""
        if self.pair.dependencies == "newest":
            self.chosen = "newest of everything"
            return ["--resolution", "highest", "--upgrade"]
        of_that_day = ["--exclude-newer", self.pair.published]
        for package in _YOUNGER:
            of_that_day += ["--exclude-newer-package", package]
        if self.pair.dependencies == "lowest":
            self.chosen = f"lowest of what it names, the rest of {self.pair.published}"
            return ["--resolution", "lowest-direct", *of_that_day]
        if can_be_had(self.pair.constraints):
            self.chosen = "Airflow's constraints"
            return ["--constraint", self.pair.constraints]
        self.chosen = f"of {self.pair.published}, when that Airflow came out"
        return of_that_day

    def _frozen(self, wheel: Path) -> str:
        listed = subprocess.run(
            [uv(), "pip", "freeze", "--python", str(self.bin / "python")], capture_output=True, text=True
        )
        name = wheel.name.partition("-")[0].replace("_", "-")
        return "".join(f"{line}\n" for line in listed.stdout.splitlines() if not line.startswith(name))

    def _pip(self, *arguments: str) -> int:
        return self._uv("pip", "install", "--quiet", "--python", str(self.bin / "python"), *arguments)

    def _uv(self, *arguments: str) -> int:
        done = subprocess.run(
            [uv(), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        )
        self._note(("uv", *arguments), done.stdout)
        return done.returncode

    def _note(self, command: tuple[str, ...], said: str) -> None:
        with self.log.open("a") as log:
            log.write(f"\n$ {' '.join(command)}\n{said}\n")


def build_wheel(folder: Path) -> Path:
    """Build the wheel into an empty folder, with what is installed here."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    code = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob("*.whl")
    return wheel


def interpreter(python: str) -> str:
    """Return pyenv's newest Python of a series, which its shims may hide; else the series, for uv to find."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = root.glob(f"versions/{python}.*/bin/python")
    return str(max(found, default=python, key=lambda path: int(path.parts[-3].rpartition(".")[2])))


@cache
def can_be_had(url: str) -> bool:
    """Whether a file can be fetched from here: a machine may reach nothing but its package index."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=15):
            return True
    except (urllib.error.URLError, OSError):
        return False


def uv() -> str:
    own = Path(sys.executable).with_name("uv")
    found = str(own) if own.exists() else shutil.which("uv")
    if found is None:
        raise SystemExit("uv is missing: `make versions` installs it.")
    return found
