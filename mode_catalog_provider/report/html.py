"""The report as one HTML file: no script, nothing from outside, escaped by its templates."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from mode_catalog_provider.catalog.arrival_report import KINDS
from mode_catalog_provider.moments import spoken
from mode_catalog_provider.report import plots
from mode_catalog_provider.report.workspace import DIFFERENCE_LINES, LEGENDS, WorkspaceReport
from mode_catalog_provider.rights.findings import RIGHTS_CHECKS
from mode_catalog_provider.text import printable, visible


@cache
def environment() -> Environment:
    """Return the templates; every value is escaped, and a name that is wrong is an error."""
    made = Environment(
        loader=PackageLoader("mode_catalog_provider.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(visible=visible, printable=printable, spoken=spoken, shortened=_shortened)
    made.globals.update(
        plot_size=(plots.WIDTH, plots.HEIGHT),
        legends={**LEGENDS, **RIGHTS_CHECKS},
        kinds=tuple(KINDS),
    )
    return made


def _shortened(difference: str) -> str:
    lines = difference.splitlines()
    rest = len(lines) - DIFFERENCE_LINES
    return "\n".join([*lines[:DIFFERENCE_LINES], *([f"and {rest} more lines"] if rest > 0 else [])])


def as_html(report: WorkspaceReport) -> str:
    """Return the report as one HTML document."""
    return environment().get_template("report.html").render(report=report, rights=report.rights or {})
