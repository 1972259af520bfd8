"""What an audit says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

from mode_catalog_provider.errors import ConfigurationError, SnapshotAlteredError

FORMAT_VERSION = 1

#: What is looked for, by name, in the order in which it is told.
CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "drifted_copy": "Reports that were copied and no longer say the same",
        "duplicate_report": "Reports that ask the same questions as an older one",
        "refused": "Objects that the key may not see, so that Catalog lacks them",
        "unknown_connection": "Queries on a connection that the key does not see, or that was deleted",
        "definition": "Queries with Mode definitions, whose tables Catalog cannot see",
        "owner_gone": "Reports whose creator is no member any more",
        "unnamed": "Reports without a name",
        "same_name": "Reports of one name in one collection",
        "stale": "Reports that nobody has changed for long",
    }
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that somebody should look at.

    :param check: one of :data:`CHECKS`.
    :param asset: kind of the object, such as ``report``.
    :param token: of the object; ``None`` when a whole listing is meant.
    :param name: of the object, as people know it.
    :param message: what is off, and what to do.
    :param related: tokens of the other objects that the message speaks of.
    :param url: where to look at it in Mode, ``None`` when it has no page.
    :param is_new: whether the last audit that made this check, of an earlier snapshot, did not have it.
    """

    check: str
    asset: str
    token: str | None
    name: str
    message: str
    related: tuple[str, ...] = ()
    url: str | None = None
    is_new: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return {**asdict(self), "related": list(self.related)}

    @property
    def identity(self) -> tuple[str, str | None, tuple[str, ...]]:
        """What stays the same as long as it is the same finding."""
        return self.check, self.token, self.related


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """Everything that one audit found.

    :param timestamp: of the snapshot, in Unix seconds.
    :param workspace: name of the Mode workspace.
    :param checks: what was looked for.
    :param findings: in the order of :data:`CHECKS`, the most viewed objects first.
    :param not_checked: checks that the snapshot does not allow, with the reason.
    :param compared_with: timestamp of the newest snapshot whose audit tells what is new; ``None`` = all is.
    """

    timestamp: int
    workspace: str
    checks: tuple[str, ...]
    findings: tuple[Finding, ...]
    not_checked: Mapping[str, str]
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

    def to_bytes(self) -> bytes:
        """Return the report as JSON."""
        document = {"format_version": FORMAT_VERSION, **asdict(self), "not_checked": dict(self.not_checked)}
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
            findings = (
                Finding(**{**entry, "related": tuple(entry["related"])}) for entry in document["findings"]
            )
            return cls(**{**document, "findings": tuple(findings), "checks": tuple(document["checks"])})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
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
