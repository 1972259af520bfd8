"""Install one hashed requirements file, and this repository, into the environment this runs in.

``python -m tests.install requirements.txt``. Needs nothing but Python: uv is installed first, by its own
hash, and does the rest in a twentieth of pip's time; where it cannot be had, pip does it all.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]


def main(requirements: str) -> int:
    pinned = ["--require-hashes", "-r", requirements]
    begun = time.monotonic()
    uv = _uv()
    print(
        f"Installing {requirements} with {'uv' if uv else 'pip, which takes a few minutes'} ...", flush=True
    )
    done = threading.Event()
    threading.Thread(target=_tell, args=(requirements, begun, done), daemon=True).start()
    try:
        for install in [uv, PIP] if uv else [PIP]:
            failed = [
                said
                for what in (pinned, ["--no-build-isolation", "-e", "."])
                if (said := _failure([*install, *what]))
            ]
            if not failed:
                print(f"Installed in {time.monotonic() - begun:.0f} s.", flush=True)
                return 0
    finally:
        done.set()
    print(_advice("\n".join(failed)), file=sys.stderr)
    return 1


def _uv() -> list[str] | None:
    """Return how to call uv: the one of this environment, one on the path, or one installed now."""
    install = ["pip", "install", "--quiet", "--no-deps", "--python", sys.executable]
    own = Path(sys.executable).parent / "uv"
    if not own.exists() and (found := shutil.which("uv")):
        return [found, *install]
    if own.exists() or not _failure([*PIP, "--require-hashes", "-r", "requirements/install.txt"]):
        return [str(own), *install]
    return None


def _failure(command: list[str]) -> str:
    """Run a command; return what it said if it failed."""
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return ended.stdout + ended.stderr if ended.returncode else ""


def _tell(requirements: str, begun: float, done: threading.Event) -> None:
    while not done.wait(10):
        print(f"  still installing {requirements} ({time.monotonic() - begun:.0f} s) ...", flush=True)


def _advice(said: str) -> str:
    last = "\n".join(said.strip().splitlines()[-15:])
    if "No space left" in said:
        return f"{last}\nThe disk is full: about 1 GB is needed for the environment and its downloads."
    if any(sign in said.lower() for sign in ("connection", "resolve", "network", "timed out", "dns")):
        return f"{last}\nThe package index cannot be reached: check the network and pip's settings."
    return f"{last}\nThe installation failed, see above."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
