"""What happened to a workspace between two snapshots: a merge of the sorted files, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from mode_catalog_provider.contract import DATASET
from mode_catalog_provider.errors import SnapshotMismatchError
from mode_catalog_provider.scratch import private_database, token_bytes
from mode_catalog_provider.snapshot.change_words import differences, name_of
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import RowWithFacts, rows_of, rows_with_facts, side_by_side

#: The assets in the order in which changes are told: what holds others comes before them.
ORDER = ("collection", "report", "query", "datasource", "member")

#: Options that decide which objects an extraction holds.
FILTERS = (
    "include_collections",
    "exclude_collections",
    "include_personal",
    "include_archived",
    "include_datasets",
)

# KiB of the table that remembers which objects came and went.
_CACHE = 2 * 1024

#: What Mode refused, by asset and token; ``None`` stands for a whole listing.
_LeftOut: TypeAlias = dict[str, dict[str | None, Mapping[str, Any]]]

_PERSONAL = "private"

#: What the values of a change are tokens or ids of.
_PLACES = {
    ("report", "moved"): "collection",
    ("query", "moved"): "report",
    ("query", "connection_changed"): "datasource",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that happened to one object.

    Names and texts are as Mode has them; they pass :mod:`mode_catalog_provider.text` where they are shown.

    :param asset: kind of the object: one of the five data assets.
    :param token: of the object; ``None`` when a whole listing is meant.
    :param name: as people know it, the newer one where it changed.
    :param change: one of :data:`~mode_catalog_provider.snapshot.change_words.CHANGE_WORDS`.
    :param before: the value before, ``None`` where there is none. For ``sql_changed`` the whole text.
    :param after: the value after.
    :param report: name of the report that a query belongs to, the newer one; ``None`` of everything else, and
        where neither snapshot has a row of that report.
    :param before_name: name of the collection, report or connection that ``before`` is the token or the id
        of; ``None`` of everything else, and where neither snapshot has a row of it.
    :param after_name: the same of ``after``.
    """

    asset: str
    token: str | None
    name: str
    change: str
    before: Any = None
    after: Any = None
    report: str | None = None
    before_name: str | None = None
    after_name: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return asdict(self)


def changes_between(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """Yield what happened between two snapshots, by asset in :data:`ORDER` and by token; refusals come last.

    Queries of reports that came or went are not told one by one. What Mode refuses is never called deleted,
    nor is what the options of the two extractions account for.

    :param before: the earlier one; both of one workspace.
    :param after: the later one.
    :raises SnapshotMismatchError: when they are of different workspaces.
    :raises SnapshotError: when a file is gone or altered.
    """
    check_same_workspace(before.manifest, after.manifest)
    renamed = dict(_renamed_members(before, after))
    with _Fates(before.manifest, after.manifest) as fates:
        for snapshot in (before, after):
            for row in rows_of(snapshot, "datasource"):
                fates.knows("datasource", row.get("id"), name_of(row))
        for asset in ORDER:
            pairs = side_by_side(rows_with_facts(before, asset), rows_with_facts(after, asset))
            for old, new in pairs:
                for change in _changes(fates, asset, old, new):
                    if change.change != "owner_changed" or not _is_renamed(change, renamed):
                        yield change
            yield from fates.refusals(asset)


def differing_options(before: Manifest, after: Manifest) -> dict[str, tuple[Any, Any]]:
    """Return the filters in which two extractions differ, each before and after.

    A set of another tool does not say how it was made; then nothing is known to differ.
    """
    return {
        name: (before.options[name], after.options[name])
        for name in FILTERS
        if name in before.options and name in after.options and before.options[name] != after.options[name]
    }


def check_same_workspace(before: Manifest, after: Manifest) -> None:
    """Refuse to compare two workspaces.

    :raises SnapshotMismatchError: when both name their workspace, and not the same.
    """
    if before.workspace and after.workspace and before.workspace.lower() != after.workspace.lower():
        raise SnapshotMismatchError(
            f"Snapshot {before.timestamp} is of workspace '{before.workspace}' and {after.timestamp} of "
            f"'{after.workspace}': what changed can only be told within one workspace."
        )


def _renamed_members(before: Snapshot, after: Snapshot) -> Iterator[tuple[str, str]]:
    for old, new in side_by_side(rows_with_facts(before, "member"), rows_with_facts(after, "member")):
        names = [_username(of[0].get("username")) for of in (old, new) if of is not None]
        if len(names) == 2 and all(names) and names[0] != names[1]:
            yield names[0], names[1]


def _is_renamed(change: Change, renamed: Mapping[str, str]) -> bool:
    """Whether the creator is still the same person, who is called otherwise."""
    return renamed.get(_username(change.before)) == _username(change.after)


def _username(value: object) -> str:
    return value.casefold() if isinstance(value, str) else ""


def _changes(
    fates: _Fates, asset: str, old: RowWithFacts | None, new: RowWithFacts | None
) -> Iterator[Change]:
    row = (new or old or ({}, {}))[0]
    fates.saw(asset, row, before=old is not None, after=new is not None)
    if old is not None and new is not None:
        told: Iterable[tuple[str, Any, Any]] = differences(asset, old, new)
    else:
        word = fates.gone(asset, row) if new is None else fates.come(asset, row)
        told = [(word, None, None)] if word is not None else []
    for change, before, after in told:
        place = _PLACES.get((asset, change))
        yield Change(
            asset=asset,
            token=row["token"],
            name=name_of(row),
            change=change,
            before=before,
            after=after,
            report=fates.name_of("report", row.get("report_token")) if asset == "query" else None,
            before_name=fates.name_of(place, before) if place else None,
            after_name=fates.name_of(place, after) if place else None,
        )


class _Fates:
    """Why an object is in one of two snapshots only."""

    def __init__(self, before: Manifest, after: Manifest) -> None:
        self._left_out = _by_asset(before), _by_asset(after)
        self._newly_refused = _without(self._left_out[1], self._left_out[0])
        self._newly_shown = _without(self._left_out[0], self._left_out[1])
        self._had: set[tuple[str, str]] = set()
        self._has: set[tuple[str, str]] = set()
        self._gone: set[tuple[str, str]] = set()
        self._options = differing_options(before, after)
        self._without_archived = after.options.get("include_archived") is False
        self._database = private_database(cache=_CACHE)
        self._database.execute("CREATE TABLE fate (asset TEXT, token BLOB, word TEXT)")
        self._database.execute("CREATE UNIQUE INDEX by_token ON fate (asset, token)")
        self._database.execute(
            "CREATE TABLE named (asset TEXT, token BLOB, name BLOB, PRIMARY KEY (asset, token)) WITHOUT ROWID"
        )

    def __enter__(self) -> _Fates:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def saw(self, asset: str, row: Mapping[str, Any], *, before: bool, after: bool) -> None:
        """Take note of its name, and which snapshot has a row that either of them could not read."""
        token = row["token"]
        if asset in ("collection", "report"):
            self.knows(asset, token, name_of(row))
        if before and token in self._newly_refused.get(asset, {}):
            self._had.add((asset, token))
        if before and after and token in self._newly_shown.get(asset, {}):
            self._has.add((asset, token))

    def knows(self, asset: str, token: object, name: str) -> None:
        """Take note of a name, by what others say where they lie."""
        self._database.execute(
            "INSERT OR REPLACE INTO named VALUES (?, ?, ?)",
            (asset, token_bytes(str(token)), token_bytes(name)),
        )

    def name_of(self, asset: str, token: object) -> str | None:
        """Return the name of what lies behind a token or an id, ``None`` if no row of it was seen."""
        if not isinstance(token, str | int):
            return None
        found = self._database.execute(
            "SELECT name FROM named WHERE asset = ? AND token = ?", (asset, token_bytes(str(token)))
        ).fetchone()
        return found[0].decode("utf-8", "surrogatepass") if found else None

    def refusals(self, asset: str) -> Iterator[Change]:
        """Yield what is newly refused, or shown, and was not told by the rows that came and went."""
        for token, entry in sorted(self._newly_refused.get(asset, {}).items(), key=_by_token):
            had = token is None or (asset, token) in self._had
            # Where the row is gone, it was told. It stays where a collection's reports, a report's queries or
            # a member's profile are refused.
            if (asset, token) in self._gone:
                continue
            if asset in ("collection", "report") or token is None:
                word = "access_lost" if had else "refused"
                yield _of_entry(asset, token, entry, word, after=entry.get("reason"))
        for token, entry in sorted(self._newly_shown.get(asset, {}).items(), key=_by_token):
            if token is None or (asset in ("collection", "report") and (asset, token) in self._has):
                yield _of_entry(asset, token, entry, "access_gained", before=entry.get("reason"))

    def gone(self, asset: str, row: Mapping[str, Any]) -> str | None:
        """Return the word for an object that only the earlier snapshot has, ``None`` if it is not told."""
        if row["token"] in self._newly_refused.get(asset, {}):
            self._gone.add((asset, row["token"]))
        word = self._why(asset, row, self._left_out[1], "access_lost", "not_extracted", narrowed=True)
        if word is None:
            word = "deleted"
            if asset == "report" and self._without_archived and row.get("type") != DATASET:
                word = "archived_or_deleted"
        return self._kept(asset, row, word)

    def come(self, asset: str, row: Mapping[str, Any]) -> str | None:
        """Return the word for an object that only the later snapshot has, ``None`` if it is not told."""
        word = self._why(asset, row, self._left_out[0], "access_gained", "now_extracted", narrowed=False)
        return self._kept(asset, row, word or "created")

    def _why(
        self,
        asset: str,
        row: Mapping[str, Any],
        left_out: _LeftOut,
        refused: str,
        filtered: str,
        *,
        narrowed: bool,
    ) -> str | None:
        missing = left_out.get(asset, {})
        if row["token"] in missing:
            return refused
        if asset == "member" and None in missing:
            return refused
        if asset == "report":
            if _holds(left_out.get("collection", {}), row.get("space_token")):
                return refused
            if None in missing and row.get("type") == DATASET:
                return refused
            if self._filtered("include_archived", narrowed=narrowed) and row.get("archived") is True:
                return filtered
            if self._filtered("include_datasets", narrowed=narrowed) and row.get("type") == DATASET:
                return filtered
            fate = self._fate("collection", row.get("space_token"))
            return fate if fate in (refused, filtered) else None
        if asset == "collection":
            personal = row.get("space_type") == _PERSONAL
            if personal and self._filtered("include_personal", narrowed=narrowed):
                return filtered
            if not personal and self._options.keys() & {"include_collections", "exclude_collections"}:
                return filtered
        return None

    def _filtered(self, option: str, *, narrowed: bool) -> bool:
        return self._options.get(option) == ((True, False) if narrowed else (False, True))

    def _kept(self, asset: str, row: Mapping[str, Any], word: str) -> str | None:
        if asset == "query":
            report = row.get("report_token")
            # Its report came or went, or only its queries did: that is told of the report.
            hidden = any(_holds(missing.get("report", {}), report) for missing in self._left_out)
            return None if hidden or self._fate("report", report) else word
        if asset in ("collection", "report"):
            self._database.execute(
                "INSERT OR REPLACE INTO fate VALUES (?, ?, ?)", (asset, token_bytes(row["token"]), word)
            )
        return word

    def _fate(self, asset: str, token: object) -> str | None:
        if not isinstance(token, str):
            return None
        found = self._database.execute(
            "SELECT word FROM fate WHERE asset = ? AND token = ?", (asset, token_bytes(token))
        ).fetchone()
        return found[0] if found else None


def _holds(entries: Mapping[str | None, Any], token: object) -> bool:
    # What Mode sent for a token may be anything.
    return isinstance(token, str) and token in entries


def _without(some: _LeftOut, others: _LeftOut) -> _LeftOut:
    return {
        asset: {token: entry for token, entry in entries.items() if token not in others.get(asset, {})}
        for asset, entries in some.items()
    }


def _by_token(item: tuple[str | None, Any]) -> str:
    return item[0] or ""


def _of_entry(asset: str, token: str | None, entry: Mapping[str, Any], word: str, **values: Any) -> Change:
    name = str(entry.get("name") or token or "the whole listing")
    return Change(asset=asset, token=token, name=name, change=word, **values)


def _by_asset(manifest: Manifest) -> _LeftOut:
    found: _LeftOut = {}
    for entry in manifest.left_out:
        if entry.get("reason") in ("forbidden", "gone"):
            found.setdefault(entry["asset"], {}).setdefault(entry.get("token"), entry)
    return found
