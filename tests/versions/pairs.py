"""Which versions are supported, and how their dependencies are chosen."""

from __future__ import annotations

from dataclasses import dataclass

#: The newest release of each supported series, with the day after it was published.
AIRFLOWS = {"3.1.8": "2026-03-12", "3.2.2": "2026-05-30", "3.3.2": "2026-09-18"}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
#: Airflow 3.1 declares Python below 3.14.
_NOT = {("3.1.8", "3.14")}

#: The oldest Airflow that the package allows, with the day after it was published.
OLDEST = ("3.1.0", "2025-09-27")

CONSTRAINTS = (
    "https://raw.githubusercontent.com/apache/airflow/constraints-{airflow}/constraints-{python}.txt"
)


@dataclass(frozen=True)
class Pair:
    """One Airflow on one Python.

    :param dependencies: ``constraints`` = those of that Airflow; ``lowest`` = the lowest that the package
        allows of what it names itself; ``newest`` = the newest of everything.
    :param published: the day after that Airflow was published: where its constraints cannot be had, what
        the index had on that day stands for them.
    """

    airflow: str
    python: str
    dependencies: str
    published: str

    @property
    def name(self) -> str:
        return f"airflow-{self.airflow}-python-{self.python}-{self.dependencies}"

    @property
    def constraints(self) -> str:
        return CONSTRAINTS.format(airflow=self.airflow, python=self.python)


def all_pairs() -> list[Pair]:
    """Return every pair, the two ends first: what is too old or too new shows there."""
    newest = list(AIRFLOWS)[-1]
    return [
        Pair(OLDEST[0], PYTHONS[0], "lowest", OLDEST[1]),
        Pair(newest, "3.13", "newest", AIRFLOWS[newest]),
        *(
            Pair(airflow, python, "constraints", published)
            for airflow, published in AIRFLOWS.items()
            for python in PYTHONS
            if (airflow, python) not in _NOT
        ),
    ]
