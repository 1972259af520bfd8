"""Where the numbers come from: the machine and the versions, for the head of the results."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_PACKAGES = ("mode-catalog-provider", "apache-airflow", "requests", "urllib3")


def described() -> list[str]:
    """Lines of Markdown: date, machine, operating system, versions, and how busy the machine was."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"- {_cpu_model()}, {os.cpu_count()} cores, {memory:.0f} GB of memory; load average at the start "
        f"{os.getloadavg()[0]:.1f}",
        f"- {_system()}",
        f"- {platform.python_implementation()} {platform.python_version()}; "
        + ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
        + f"; {_curl()}",
    ]


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and (found := re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())):
        return found[1]
    return platform.processor() or platform.machine()


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        name = platform.platform()
    return f"{name}, {platform.system()} {platform.release()}, {platform.machine()}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _curl() -> str:
    if shutil.which("curl") is None:
        return "no curl"
    said = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    return " ".join(said.split()[:2])
