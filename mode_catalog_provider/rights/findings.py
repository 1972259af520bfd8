"""What is wrong with rights: each check is one question to the tables of a reading."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.rights.owners import OwnedReport
from mode_catalog_provider.rights.store import RightsStore
from mode_catalog_provider.text import first_of, visible

#: What is looked for, by name, in the order in which it is told.
RIGHTS_CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "inactive_in_group": "Groups with people who left or were deactivated",
        "inactive_owner": "Collections and reports that belong to people who left or were deactivated",
        "only_inactive_manage": "Collections that only people who left may edit",
        "everybody_edits": "Collections and connections that everybody may edit",
        "restricted_but_public": "Restricted collections that hold nothing but public reports",
        "open_but_private": "Open collections that hold no public report",
        "admins": "Admins beyond what is expected",
        "outside_scim": "Members whom the identity provider does not manage",
        "empty_group": "Groups without members",
        "group_without_rights": "Groups that open nothing",
        "direct_right": "Rights given to people directly where groups exist",
        "lacks_right": "People who lack what the others of their group have",
    }
)

#: Members of a group who must have a right before the others of it are said to lack it, and their share.
_PEERS, _SHARE = 3, 0.75


@dataclass(frozen=True, kw_only=True)
class Expectations:
    """What is right in this workspace.

    :param most_admins: more admins than this are told, default 5.
    :param admins: usernames or e-mail addresses of those who may be admins; default ``()``: only the number
        counts.
    :param groups: names of groups whose members should all have the same rights; default ``()``: all groups.
    """

    most_admins: int = 5
    admins: Collection[str] = ()
    groups: Collection[str] = ()


class RightsFindings:
    """Ask the tables what somebody should look at.

    :param store: a finished reading.
    :param expectations: what is right here.
    :param url: gives the page of an object, by asset and token; ``None`` where it has none.
    """

    def __init__(
        self, store: RightsStore, *, expectations: Expectations, url: Callable[[str, str], str | None]
    ) -> None:
        self._database = store.database
        self._expected = expectations
        self._url = url

    def all(self, reports: Iterator[OwnedReport] | None = None) -> Iterator[Finding]:
        """Yield every finding, check by check.

        :param reports: of the newest snapshot, where there is one; without them the checks about reports are
            about collections only.
        """
        self._keep(reports)
        for check in RIGHTS_CHECKS:
            yield from getattr(self, f"_{check}")()

    def _keep(self, reports: Iterator[OwnedReport] | None) -> None:
        self._database.execute(
            "CREATE TEMP TABLE report (token TEXT, name TEXT, collection TEXT, creator TEXT, public INTEGER)"
        )
        self._database.executemany(
            "INSERT INTO report VALUES (?, ?, ?, ?, ?)",
            ((one.token, one.name, one.collection, one.creator, one.public) for one in reports or ()),
        )

    def _inactive_in_group(self) -> Iterator[Finding]:
        rows = self._rows(
            "SELECT team.token, team.name, member.token, member.who, member.state FROM team"
            " JOIN membership ON membership.team = team.token JOIN person AS member ON member.token"
            " = membership.member"
            " WHERE NOT member.active ORDER BY team.name, team.token, 4"
        )
        for (token, name), found in _grouped(rows):
            yield self._finding(
                "inactive_in_group",
                "group",
                token,
                name,
                f"Group '{visible(name)}' holds {len(found)} who are not active: {first_of(_named(found))}.",
                "Take them out of the group, or reactivate them.",
                related=[member for member, *_ in found],
            )

    def _inactive_owner(self) -> Iterator[Finding]:
        rows = self._rows(
            "WITH inactive AS MATERIALIZED"
            " (SELECT token, who, folded(username) AS username FROM person WHERE NOT active)"
            " SELECT inactive.token, who, owned.token, owned.name, owned.asset FROM"
            " (SELECT token, name, creator, 'collection' AS asset FROM object WHERE asset = 'collection'"
            "  UNION ALL SELECT token, name, creator, 'report' FROM report) AS owned"
            " JOIN inactive ON inactive.username = folded(owned.creator)"
            " ORDER BY 2, 1, owned.asset, owned.name"
        )
        for (token, name), found in _grouped(rows):
            yield self._finding(
                "inactive_owner",
                "member",
                token,
                name,
                f"{visible(name)} is not active any more and owns {len(found)} collections and reports: "
                f"{first_of(title for _, title, _ in found)}.",
                "Give them to somebody else.",
                related=[owned for owned, *_ in found],
            )

    def _only_inactive_manage(self) -> Iterator[Finding]:
        for token, name in self._rows(
            "SELECT object.token, object.name FROM object WHERE asset = 'collection' AND read"
            " AND rank(default_level) < 3 AND EXISTS ("
            "  SELECT 1 FROM entry LEFT JOIN membership ON entry.kind = 'team' AND membership.team ="
            " entry.holder"
            "  WHERE entry.object = object.token AND rank(entry.level) >= 3"
            "  AND coalesce(membership.member, entry.holder) IN (SELECT token FROM person WHERE NOT active))"
            " AND NOT EXISTS (SELECT 1 FROM access WHERE access.object = object.token"
            "  AND rank(access.level) >= 3 AND access.through != 'admin') ORDER BY name, token"
        ):
            yield self._finding(
                "only_inactive_manage",
                "collection",
                token,
                name,
                f"Collection '{visible(name)}' may be edited by nobody but people who are not active.",
                "Give a group of active people the right to edit it.",
            )

    def _everybody_edits(self) -> Iterator[Finding]:
        for token, name, asset, level in self._rows(
            "SELECT token, name, asset, default_level FROM object WHERE rank(default_level) >= 3"
            " ORDER BY name, token"
        ):
            kind = "Collection" if asset == "collection" else "Connection"
            yield self._finding(
                "everybody_edits",
                asset,
                token,
                name,
                f"{kind} '{visible(name)}' may be edited by everybody ({visible(level)} is its"
                " default access).",
                "Make View its default, and let a group edit it.",
            )

    def _restricted_but_public(self) -> Iterator[Finding]:
        yield from self._visibility(
            "restricted_but_public",
            "rank(default_level) = 0",
            "sum(report.public) = count(*)",
            "is restricted, but each of its {count} reports is public",
            "Open the collection, or make the reports private.",
        )

    def _open_but_private(self) -> Iterator[Finding]:
        yield from self._visibility(
            "open_but_private",
            "rank(default_level) > 0",
            "sum(report.public) = 0 AND EXISTS (SELECT 1 FROM report WHERE public)",
            "is open to everybody, but none of its {count} reports is public",
            "Look whether it should be restricted.",
        )

    def _visibility(self, check: str, where: str, having: str, what: str, advice: str) -> Iterator[Finding]:
        held = (
            "SELECT object.token, object.name, count(*) FROM object"
            " JOIN report ON report.collection = object.token AND report.public IS NOT NULL"
        )
        for token, name, count in self._rows(
            f"{held} WHERE object.default_level IS NOT NULL AND {where}"
            f" GROUP BY 1 HAVING {having} ORDER BY 2, 1"
        ):
            sentence = f"Collection '{visible(name)}' {what.format(count=count)}."
            yield self._finding(check, "collection", token, name, sentence, advice)

    def _admins(self) -> Iterator[Finding]:
        admins = self._rows(
            "SELECT member.token, member.who, member.username, member.email FROM active AS member"
            " WHERE member.admin ORDER BY 2"
        )
        expected = {name.lower() for name in self._expected.admins}
        beyond = (
            [one for one in admins if not {(one[2] or "").lower(), (one[3] or "").lower()} & expected]
            if expected
            else admins
        )
        if not beyond or (not expected and len(admins) <= self._expected.most_admins):
            return
        allowed = "on the list of admins" if expected else f"expected: at most {self._expected.most_admins}"
        yield self._finding(
            "admins",
            "workspace",
            None,
            "admins",
            f"{len(beyond)} admins are not {allowed}: {first_of(one[1] for one in beyond)}."
            if expected
            else f"{len(beyond)} members are admins, {allowed}: {first_of(one[1] for one in beyond)}.",
            "Make them ordinary members, or put them on the list.",
            related=[one[0] for one in beyond],
        )

    def _outside_scim(self) -> Iterator[Finding]:
        found = self._rows(
            "SELECT member.token, member.who FROM active AS member WHERE member.scim = 0"
            " AND EXISTS (SELECT 1 FROM active WHERE scim = 1) ORDER BY 2"
        )
        if found:
            yield self._finding(
                "outside_scim",
                "workspace",
                None,
                "SCIM",
                f"{len(found)} members are outside SCIM, others are inside: "
                f"{first_of(one[1] for one in found)}.",
                "Let the identity provider manage them, so that they lose access when they leave.",
                related=[one[0] for one in found],
            )

    def _empty_group(self) -> Iterator[Finding]:
        for token, name in self._rows(
            "SELECT token, name FROM team WHERE read AND token NOT IN (SELECT team FROM membership)"
            " ORDER BY 2, 1"
        ):
            sentence = f"Group '{visible(name)}' has no members."
            yield self._finding("empty_group", "group", token, name, sentence, "Fill it, or delete it.")

    def _group_without_rights(self) -> Iterator[Finding]:
        if self._rows("SELECT 1 FROM object WHERE NOT read LIMIT 1"):
            return  # what was not read may be what it opens
        for token, name in self._rows(
            "SELECT token, name FROM team WHERE token NOT IN (SELECT holder FROM entry WHERE kind = 'team')"
            " ORDER BY 2, 1"
        ):
            sentence = f"Group '{visible(name)}' opens no collection and no connection."
            yield self._finding(
                "group_without_rights", "group", token, name, sentence, "Give it rights, or delete it."
            )

    def _direct_right(self) -> Iterator[Finding]:
        rows = self._rows(
            "SELECT object.token, object.name, member.token, member.who, entry.level, object.asset FROM entry"
            " JOIN object ON object.token = entry.object JOIN person AS member ON member.token = entry.holder"
            " WHERE entry.kind = 'member' AND rank(entry.level) > 0 AND EXISTS (SELECT 1 FROM team)"
            " AND folded(coalesce(member.username, '')) != folded(coalesce(object.creator, ''))"
            " ORDER BY object.name, object.token, 4"
        )
        for (token, name), found in _grouped(rows):
            kind = "Collection" if found[0][-1] == "collection" else "Connection"
            yield self._finding(
                "direct_right",
                found[0][-1],
                token,
                name,
                f"{kind} '{visible(name)}' is opened to {len(found)} people directly:"
                f" {first_of(_named(found))}.",
                "Give the right to a group instead, so that it follows the team.",
                related=[member for member, *_ in found],
            )

    def _lacks_right(self) -> Iterator[Finding]:
        """Those whose peers have an object, by another way than their common group: that gives it to all."""
        named = {name.lower() for name in self._expected.groups}
        for team, team_name in self._rows("SELECT token, name FROM team WHERE read ORDER BY name, token"):
            if named and (team_name or "").lower() not in named:
                continue
            peers = dict(
                self._rows(
                    "SELECT member.token, member.who FROM active AS member JOIN membership"
                    " ON membership.member = member.token WHERE membership.team = ?",
                    team,
                )
            )
            if len(peers) <= _PEERS:
                continue
            for token, name, asset, have in self._rows(
                "SELECT object.token, object.name, object.asset, group_concat(DISTINCT"
                " access.member) FROM access"
                " JOIN object ON object.token = access.object WHERE object.read AND access.through != 'admin'"
                " AND access.member IN (SELECT member FROM membership WHERE team = ?)"
                " GROUP BY 1 ORDER BY 2, 1",
                team,
            ):
                lacking = sorted(set(peers) - set(have.split(",")), key=lambda one: str(peers[one]))
                with_it = len(peers) - len(lacking)
                if lacking and with_it >= _PEERS and with_it >= _SHARE * len(peers):
                    yield self._finding(
                        "lacks_right",
                        asset,
                        token,
                        name,
                        f"{with_it} of the {len(peers)} in group '{visible(team_name)}' may see "
                        f"'{visible(name)}', but not {first_of(peers[one] for one in lacking)}.",
                        "Give the right to the group.",
                        related=lacking,
                        group=f"{team} {token}",
                    )

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        return self._database.execute(sql, values).fetchall()

    def _finding(
        self,
        check: str,
        asset: str,
        token: str | None,
        name: str | None,
        what: str,
        advice: str,
        *,
        related: Collection[str] = (),
        group: str | None = None,
    ) -> Finding:
        return Finding(
            check=check,
            asset=asset,
            token=token,
            name=visible(name or token),
            what=what,
            advice=advice,
            related=tuple(related),
            url=self._url(asset, token) if token else None,
            group=group,
        )


def _grouped(rows: list[Any]) -> Iterator[tuple[tuple[str, str], list[Any]]]:
    """Group rows by their first two columns, which come together already."""
    found: dict[tuple[str, str], list[Any]] = {}
    for first, second, *rest in rows:
        found.setdefault((first, second), []).append(rest)
    yield from found.items()


def _named(rows: list[Any]) -> list[str]:
    return [f"{who} ({detail})" if detail else str(who) for _, who, detail, *_ in rows]
