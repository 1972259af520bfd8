"""What was read about rights, as tables of a database, and the matrix that follows from them.

Tables, all keyed by Mode's tokens: ``member``, ``team`` (Mode's group), ``membership`` (member of team),
``object`` (collection or connection), ``entry`` (a right given to a member or a team). The view ``access`` is
the matrix: who may do what on which object, once for each way in which the right comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mode_catalog_provider.audit.values import folded
from mode_catalog_provider.scratch import private_database

#: Pages kept in memory, in KiB.
_CACHE = 4 * 1024

#: Levels by rank; Mode writes them in several ways. What is not here ranks as 1: it allows something.
LEVELS = {"none": 0, "restricted": 0, "": 0, "view": 1, "query": 2, "edit": 3, "manage": 4, "admin": 5}


def rank(level: str | None) -> int:
    """Return how much a level allows, to compare it with another."""
    return LEVELS.get((level or "").lower(), 1)


_SCHEMA = """
CREATE TABLE member (token TEXT PRIMARY KEY, username TEXT, name TEXT, email TEXT, state TEXT,
                     admin INTEGER, scim INTEGER);
CREATE INDEX by_username ON member (username);
CREATE TABLE team (token TEXT PRIMARY KEY, name TEXT, state TEXT, read INTEGER);
CREATE TABLE membership (team TEXT, member TEXT, PRIMARY KEY (team, member)) WITHOUT ROWID;
CREATE TABLE object (token TEXT PRIMARY KEY, asset TEXT, name TEXT, default_level TEXT, creator TEXT,
                     read INTEGER);
CREATE TABLE entry (object TEXT, kind TEXT, holder TEXT, level TEXT,
                    PRIMARY KEY (object, kind, holder, level)) WITHOUT ROWID;
CREATE INDEX by_holder ON entry (kind, holder);
CREATE VIEW person AS SELECT *, coalesce(name, username, token) AS who,
    state IS NULL OR lower(state) IN ('active', 'confirmed', '') AS active FROM member;
CREATE VIEW active AS SELECT * FROM person WHERE active;
CREATE VIEW access (member, object, level, through) AS
    SELECT active.token, entry.object, entry.level, 'direct'
      FROM entry JOIN active ON entry.kind = 'member' AND entry.holder = active.token
    UNION ALL
    SELECT active.token, entry.object, entry.level, 'group ' || coalesce(team.name, team.token)
      FROM entry JOIN team ON entry.kind = 'team' AND entry.holder = team.token
      JOIN membership ON membership.team = team.token JOIN active ON active.token = membership.member
    UNION ALL
    SELECT active.token, object.token, object.default_level, 'default access'
      FROM object CROSS JOIN active WHERE coalesce(object.default_level, '') NOT IN ('', 'none', 'restricted')
    UNION ALL
    SELECT active.token, object.token, 'admin', 'admin' FROM object CROSS JOIN active WHERE active.admin;
"""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One way in which one member comes to one object.

    :param member: username, or the member's token where there is none.
    :param object: token of the collection or connection.
    :param name: its name.
    :param asset: ``collection`` or ``datasource``.
    :param level: ``view``, ``query``, ``edit`` or what else Mode calls it, in small letters.
    :param through: ``direct``, ``group NAME``, ``default access`` or ``admin``.
    """

    member: str
    object: str
    name: str
    asset: str
    level: str
    through: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


class RightsStore:
    """The tables of one reading, in a private database. To be used from one thread."""

    def __init__(self) -> None:
        self.database = private_database(cache=_CACHE)
        self.database.executescript(_SCHEMA)
        self.database.create_function("rank", 1, rank, deterministic=True)
        self.database.create_function("folded", 1, folded, deterministic=True)
        self.database.execute("BEGIN")

    def add_member(self, token: str, **fields: Any) -> None:
        """Note a member; what an earlier listing told and this one does not is kept.

        :param fields: ``username``, ``name``, ``email``, ``state``, ``admin``, ``scim``; ``None`` is unknown.
        """
        names = ("username", "name", "email", "state", "admin", "scim")
        kept = ", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in names)
        self.database.execute(
            f"INSERT INTO member VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET {kept}",  # noqa: S608
            (token, *(fields.get(name) for name in names)),
        )

    def add_team(self, token: str, *, name: str | None, state: str | None) -> None:
        """Note a group of Mode's."""
        self.database.execute("INSERT OR REPLACE INTO team VALUES (?, ?, ?, 0)", (token, name, state))

    def add_membership(self, team: str, member: str) -> None:
        """Note that a member is in a group."""
        self.database.execute("INSERT OR IGNORE INTO membership VALUES (?, ?)", (team, member))

    def add_object(
        self, token: str, *, asset: str, name: str | None, default_level: str | None, creator: str | None
    ) -> None:
        """Note a collection or a connection."""
        self.database.execute(
            "INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?, ?, 0)",
            (token, asset, name, default_level, creator),
        )

    def add_entry(self, *, on: str, kind: str, holder: str, level: str) -> None:
        """Note a right.

        :param on: the object's token.
        :param kind: ``member`` or ``team``.
        :param holder: token of either, or a member's username.
        """
        if kind == "member":
            holder = self.member_token(holder) or holder
        self.database.execute("INSERT OR IGNORE INTO entry VALUES (?, ?, ?, ?)", (on, kind, holder, level))

    def settle(self, *, members_known: bool) -> None:
        """Note those who hold rights or are in groups without being listed as members.

        :param members_known: the list of members was read, so that these are members no more.
        """
        self.database.execute(
            "INSERT INTO member (token, state) SELECT holder, ? FROM ("
            " SELECT holder FROM entry WHERE kind = 'member' UNION SELECT member FROM membership)"
            " WHERE holder NOT IN (SELECT token FROM member)",
            ("left" if members_known else None,),
        )

    def mark_read(self, table: str, token: str) -> None:
        """Note that the members of a team, or the entries of an object, were all read."""
        if table not in ("team", "object"):
            raise ValueError(table)
        self.database.execute(f"UPDATE {table} SET read = 1 WHERE token = ?", (token,))  # noqa: S608

    def member_token(self, name: str) -> str | None:
        """Return the token of a member known by token or username."""
        found = self.database.execute(
            "SELECT token FROM member WHERE token = ? OR username = ? ORDER BY token != ? LIMIT 1",
            (name, name, name),
        ).fetchone()
        return None if found is None else str(found[0])

    def grants(self, *, member: str | None = None, on: str | None = None) -> Iterator[Grant]:
        """Yield the matrix by member and object, each way of access once.

        :param member: only this one, by token.
        :param on: only this object, by token.
        """
        rows = self.database.execute(
            "SELECT coalesce(member.username, member.token), object.token, coalesce(object.name,"
            " object.token),"
            " object.asset, lower(access.level), access.through FROM access"
            " JOIN member ON member.token = access.member JOIN object ON object.token = access.object"
            " WHERE (? IS NULL OR member.token = ?) AND (? IS NULL OR object.token = ?)"
            " ORDER BY 1, 4, 2, 6, 5",
            (member, member, on, on),
        )
        for who, token, name, asset, level, through in rows:
            yield Grant(member=who, object=token, name=name, asset=asset, level=level, through=through)

    def save(self, path: str) -> None:
        """Write the tables to a SQLite file, which must not exist."""
        self.database.execute("COMMIT")
        self.database.execute("VACUUM INTO ?", (path,))
        self.database.execute("BEGIN")

    def close(self) -> None:
        """Give the disk space back."""
        self.database.close()
