"""What an audit says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

from mode_catalog_provider.errors import ConfigurationError, SnapshotAlteredError

FORMAT_VERSION = 2

#: What is looked for, by name, in the order in which it is told.
CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "drifted_copy": "Reports that were copied and no longer ask the same",
        "duplicate_report": "Reports that ask the same",
        "canonical": "Copies of reports of canonical collections",
        "refused": "Objects that Mode refuses to the key, or hides from it",
        "unknown_connection": "Queries on a connection that the key does not see, or that was deleted",
        "definition": "Mode definitions in queries, whose tables Catalog cannot see",
        "owner_gone": "Reports whose creator left, or is not named",
        "unnamed": "Reports that nobody named",
        "same_name": "Reports of one name",
        "naming": "Reports that are not named as the house wants it",
        "stale": "Reports that nobody edited, ran, viewed or scheduled for long",
        "unmaintained": "Reports that are used although nobody edited them for long",
    }
)

#: The checks that find families.
COPIES = ("drifted_copy", "duplicate_report", "canonical")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that somebody should look at: one object, or one group of them.

    Names in ``what`` and ``advice`` have passed :func:`~mode_catalog_provider.text.visible`; ``name`` and
    ``difference`` are as Mode has them, and pass it where they are shown.

    :param check: one of :data:`CHECKS`.
    :param asset: kind of the object, such as ``report``.
    :param token: of the object; of a group, the one to keep or the best known; ``None`` when a whole listing
        is meant.
    :param name: of the object, as people know it.
    :param what: one sentence that says what is off.
    :param advice: one or two sentences that say what to do; ``""`` when there is nothing to do.
    :param related: tokens of the other objects that it speaks of: those of the group, or the original.
    :param difference: in what the object differs from the first one in ``related``, as lines; else ``""``.
    :param url: where to look at it in Mode, ``None`` when it has no page.
    :param group: what the members of a group have in common; default ``None``: it speaks of one object.
    :param is_new: whether the last audit that made this check, of an earlier snapshot, did not have it.
    """

    check: str
    asset: str
    token: str | None
    name: str
    what: str
    advice: str = ""
    related: tuple[str, ...] = ()
    difference: str = ""
    url: str | None = None
    group: str | None = None
    is_new: bool = True

    @property
    def message(self) -> str:
        """What is off, and what to do."""
        return f"{self.what} {self.advice}".rstrip()

    @property
    def identity(self) -> tuple[str, str | None]:
        """What stays the same as long as it is the same finding, whoever joins or leaves its group."""
        if self.group is not None:
            return self.check, f"group {self.group}"
        return self.check, self.token if self.token is not None else f"{self.asset} {self.name}"

    def to_json(self) -> dict[str, Any]:
        """Return the fields, and the message, as a JSON object."""
        return {**asdict(self), "message": self.message, "related": list(self.related)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Finding:
        """Read what :meth:`to_json` wrote; raises ``TypeError`` or ``KeyError`` for anything else."""
        values = {key: value for key, value in document.items() if key != "message"}
        return cls(**{**values, "related": tuple(values["related"])})


@dataclass(frozen=True, kw_only=True)
class Family:
    """Reports that stem from one another.

    :param survivor: token of the one that should be kept.
    :param why: what speaks for it, in a few words.
    :param members: tokens of all of them, the survivor first.
    :param advice: what to do with each of the others, by token.
    """

    survivor: str
    why: str
    members: tuple[str, ...]
    advice: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return {**asdict(self), "members": list(self.members), "advice": dict(self.advice)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Family:
        """Read what :meth:`to_json` wrote; raises ``TypeError`` or ``KeyError`` for anything else."""
        return cls(**{**document, "members": tuple(document["members"])})


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """Everything that one audit found.

    :param timestamp: of the snapshot, in Unix seconds.
    :param workspace: name of the Mode workspace.
    :param checks: what was looked for.
    :param findings: in the order of :data:`CHECKS`, the most viewed objects first.
    :param not_checked: checks that the snapshot does not allow, with the reason.
    :param families: reports that stem from one another, the largest first.
    :param narrowed: why the snapshot may not be the whole workspace, ``""`` when it is.
    :param compared_with: timestamp of the newest snapshot whose audit tells what is new; ``None`` = all is.
    """

    timestamp: int
    workspace: str
    checks: tuple[str, ...]
    findings: tuple[Finding, ...]
    not_checked: Mapping[str, str]
    families: tuple[Family, ...] = ()
    narrowed: str = ""
    compared_with: int | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings for each check that was made."""
        return self._counted(self.findings)

    @property
    def new_counts(self) -> dict[str, int]:
        """Number of new findings for each check that was made."""
        return self._counted(finding for finding in self.findings if finding.is_new)

    def compared(self, earlier: Iterable[AuditReport]) -> AuditReport:
        """Return the same report with what was known marked.

        :param earlier: reports of earlier snapshots, the newest first. Each check is compared with the newest
            that made it, for an audit need not make them all.
        """
        open_checks, known, compared_with = set(self.counts), set(), None
        for report in earlier:
            made = open_checks & report.counts.keys()
            known |= {finding.identity for finding in report.findings if finding.check in made}
            open_checks -= made
            if made and compared_with is None:
                compared_with = report.timestamp
            if not open_checks:
                break
        marked = tuple(replace(found, is_new=found.identity not in known) for found in self.findings)
        return replace(self, findings=marked, compared_with=compared_with)

    def completed(self, other: AuditReport) -> AuditReport:
        """Return the report with what another of the same snapshot looked for, and this one did not."""
        checks = tuple(check for check in CHECKS if check in self.checks or check in other.checks)
        found = [
            *self.findings,
            *(finding for finding in other.findings if finding.check not in self.checks),
        ]
        order = {check: place for place, check in enumerate(CHECKS)}
        left = {check: why for check, why in other.not_checked.items() if check not in self.checks}
        return replace(
            self,
            checks=checks,
            findings=tuple(sorted(found, key=lambda finding: order.get(finding.check, len(order)))),
            families=self.families if set(self.checks).intersection(COPIES) else other.families,
            not_checked={**left, **self.not_checked},
        )

    def to_bytes(self) -> bytes:
        """Return the report as JSON."""
        document = {
            "format_version": FORMAT_VERSION,
            "timestamp": self.timestamp,
            "workspace": self.workspace,
            "narrowed": self.narrowed,
            "compared_with": self.compared_with,
            "checks": self.checks,
            "not_checked": dict(self.not_checked),
            "findings": [finding.to_json() for finding in self.findings],
            "families": [family.to_json() for family in self.families],
        }
        return json.dumps(document, indent=1).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> AuditReport:
        """Read a report that :meth:`to_bytes` wrote.

        :raises SnapshotAlteredError: it is none, or one of another version.
        """
        try:
            document: dict[str, Any] = json.loads(content)
            if document.pop("format_version") != FORMAT_VERSION:
                raise ValueError("another format")
            report = cls(
                **{
                    **document,
                    "findings": tuple(Finding.from_json(entry) for entry in document["findings"]),
                    "families": tuple(Family.from_json(entry) for entry in document["families"]),
                    "checks": tuple(document["checks"]),
                }
            )
            _check_types(report)
            return report
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SnapshotAlteredError(f"This is not the record of an audit ({error}).") from error

    def _counted(self, findings: Iterable[Finding]) -> dict[str, int]:
        found = Counter(finding.check for finding in findings)
        return {check: found[check] for check in self.checks if check not in self.not_checked}


def chosen_checks(names: Iterable[str]) -> tuple[str, ...]:
    """Return the named checks in their order, all of them when none is named.

    :raises ConfigurationError: there is no check of such a name.
    """
    wanted = set(names)
    if unknown := sorted(wanted - CHECKS.keys()):
        raise ConfigurationError(f"There is no check {', '.join(unknown)}. There are {', '.join(CHECKS)}.")
    return tuple(check for check in CHECKS if check in wanted or not wanted)


def _check_types(report: AuditReport) -> None:
    """Refuse a record whose fields are there, but are none that an audit wrote; raises ``TypeError``."""
    for one in (report, *report.findings, *report.families):
        for name in _TEXTS:
            if not isinstance(getattr(one, name, ""), str):
                raise TypeError(f"{name} is no text")
    texts = [report.checks, *(found.related for found in report.findings)]
    texts += [family.members for family in report.families]
    names = (text for listed in texts for text in listed)
    optional = (text for found in report.findings for text in (found.token, found.url, found.group))
    if not all(isinstance(text, str) for text in names) or not all(
        isinstance(text, str | None) for text in optional
    ):
        raise TypeError("a name is no text")
    if not isinstance(report.not_checked, Mapping) or type(report.timestamp) is not int:
        raise TypeError("not_checked or timestamp is none")
    if not all(isinstance(family.advice, Mapping) for family in report.families):
        raise TypeError("advice is none")


#: Fields that are texts, whichever of the records has them.
_TEXTS = ("workspace", "check", "asset", "name", "what", "difference", "survivor", "why")
