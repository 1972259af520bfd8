"""Who gained and who lost a right between two readings, and through what."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mode_catalog_provider.rights.store import RightsStore, rank

# The best level of each member on each object, by names that stay the same from reading to reading. What was
# not read, then or now, says nothing: neither its objects nor, for groups, what comes through them.
_BEST = """
CREATE TEMP TABLE best_{when} AS
SELECT coalesce(member.username, member.token) AS who, access.object AS what, max(rank(access.level)) AS level
  FROM {schema}.access AS access JOIN {schema}.member AS member ON member.token = access.member
 WHERE access.object IN (SELECT token FROM both_objects) AND {read}
 GROUP BY 1, 2
"""

#: Ways that were read both times.
_READ = "access.through NOT IN (SELECT through FROM unread)"
_READ_WITHOUT_GROUPS = f"{_READ} AND access.through NOT GLOB 'group *'"

_CHANGES = """
SELECT who, what, then_level, now_level FROM (
  SELECT before.who, before.what, before.level AS then_level, coalesce(now.level, 0) AS now_level
    FROM best_then AS before LEFT JOIN best_now AS now ON now.who = before.who AND now.what = before.what
  UNION
  SELECT now.who, now.what, coalesce(before.level, 0), now.level
    FROM best_now AS now LEFT JOIN best_then AS before ON now.who = before.who AND now.what = before.what
) WHERE then_level != now_level ORDER BY who, what
"""

_WAYS = """
SELECT access.through, access.level FROM {schema}.access AS access
  JOIN {schema}.member AS member ON member.token = access.member
 WHERE coalesce(member.username, member.token) = ? AND access.object = ? AND {read}
 ORDER BY access.through
"""


@dataclass(frozen=True, kw_only=True)
class RightChange:
    """One right that a person gained or lost.

    :param member: username.
    :param object: token of the collection or connection.
    :param name: its name.
    :param asset: ``collection`` or ``datasource``.
    :param change: ``gained`` or ``lost``; a higher level is gained, a lower one lost.
    :param through: by what it came or went, such as ``group Finance``; several are parted by commas.
    :param before: the level before, ``None`` for none.
    :param after: the level now, ``None`` for none.
    """

    member: str
    object: str
    name: str
    asset: str
    change: str
    through: str
    before: str | None
    after: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def changes_since(
    store: RightsStore, earlier: str, *, unlisted: Collection[str] = ()
) -> Iterator[RightChange]:
    """Yield what changed, by member and object.

    Objects that are new or gone are no change of rights, and what could not be read in either reading is
    left out.

    :param store: the present reading.
    :param earlier: path of the SQLite file of an earlier one.
    :param unlisted: parts whose whole listing was refused in either; without ``members`` nothing is known.
    """
    if "members" in unlisted:
        return
    database = store.database
    database.execute("COMMIT")
    database.execute("ATTACH ? AS earlier", (earlier,))
    try:
        database.execute(
            "CREATE TEMP TABLE both_objects AS SELECT token FROM main.object WHERE read AND token IN"
            " (SELECT token FROM earlier.object WHERE read)"
        )
        database.execute(
            "CREATE TEMP TABLE unread AS SELECT 'group ' || coalesce(name, token) AS through FROM"
            " (SELECT * FROM main.team WHERE NOT read UNION SELECT * FROM earlier.team WHERE NOT read)"
        )
        read = _READ_WITHOUT_GROUPS if "groups" in unlisted else _READ
        for when, schema in (("then", "earlier"), ("now", "main")):
            database.execute(_BEST.format(when=when, schema=schema, read=read))
        for who, what, then_level, now_level in database.execute(_CHANGES).fetchall():
            yield _change(store, who, what, read, lost=now_level < then_level)
    finally:
        for table in ("both_objects", "unread", "best_then", "best_now"):
            database.execute(f"DROP TABLE IF EXISTS temp.{table}")
        database.execute("DETACH earlier")
        database.execute("BEGIN")


def _change(store: RightsStore, who: str, what: str, read: str, *, lost: bool) -> RightChange:
    then, now = (
        dict(store.database.execute(_WAYS.format(schema=schema, read=read), (who, what)).fetchall())
        for schema in ("earlier", "main")
    )
    had, has = (then, now) if lost else (now, then)
    ways = [way for way, level in had.items() if has.get(way) != level] or list(had)
    name, asset = store.database.execute(
        "SELECT coalesce(name, token), asset FROM main.object WHERE token = ?", (what,)
    ).fetchone()
    return RightChange(
        member=who,
        object=what,
        name=name,
        asset=asset,
        change="lost" if lost else "gained",
        through=", ".join(ways),
        before=_best(then),
        after=_best(now),
    )


def _best(ways: dict[str, str]) -> str | None:
    return max((level.lower() for level in ways.values() if level), key=rank, default=None)
