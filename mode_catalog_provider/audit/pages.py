"""Where the objects that findings speak of can be looked at."""

from __future__ import annotations

from dataclasses import dataclass

from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.text import visible
from mode_catalog_provider.web_address import PAGES, web_url


@dataclass(frozen=True)
class Pages:
    """The pages of one workspace.

    :param host: base URL of Mode; ``""`` when unknown, and then there are no addresses.
    :param workspace: its name.
    """

    host: str
    workspace: str

    def of(self, asset: str, token: str | None) -> str | None:
        """Return the address of an object's page, ``None`` for what has none."""
        kind = PAGES.get(asset)
        if not self.host or kind is None or token is None:
            return None
        return web_url(self.host, self.workspace, kind, token)

    def report(
        self,
        check: str,
        token: str,
        name: str,
        what: str,
        advice: str = "",
        *,
        related: tuple[str, ...] = (),
        difference: str = "",
        group: str | None = None,
    ) -> Finding:
        """Return a finding about a report.

        :param what: the sentence behind its name; the other parameters are those of the finding.
        """
        shown = f"'{visible(name)}' ({token})" if name else token
        return Finding(
            check=check,
            asset="report",
            token=token,
            name=name or token,
            what=f"Report {shown} {what}",
            advice=advice,
            related=related,
            difference=difference,
            url=self.of("report", token),
            group=group,
        )
