"""What is made of the declared metrics: the table of the reference, and statsd_exporter's mapping.

``python -m tests.metrics_page`` writes the mapping anew, ``python -m tests.reference_pages`` the table; tests
compare both with the declarations.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mode_catalog_provider.tasks.metrics import METRICS, TAGS, Metric

DOCS = Path(__file__).resolve().parents[1] / "docs"
MAPPING = DOCS / "monitoring" / "statsd-mapping.yaml"

#: Airflow's own prefix, ``[metrics] statsd_prefix``.
PREFIX = "airflow"


def table() -> str:
    """Return all metrics, then all tags, as Markdown tables."""
    lines = ["| metric | kind | unit | tags | what it tells |", "| --- | --- | --- | --- | --- |"]
    for one in METRICS.values():
        tags = ", ".join(f"`{tag}`" for tag in one.tags)
        lines.append(f"| `{one.name}` | {one.kind} | {one.unit} | {tags} | {one.meaning} |")
    lines += ["", "| tag | values |", "| --- | --- |"]
    lines += [f"| `{tag}` | {', '.join(f'`{value}`' for value in values)} |" for tag, values in TAGS.items()]
    return "\n".join(lines)


def mapping() -> str:
    """Return the mapping that makes tags of the parts of plain StatsD names."""
    return "\n".join(
        [
            "# statsd_exporter --statsd.mapping-config=statsd-mapping.yaml, for Airflow's plain StatsD.",
            "# Not needed with [metrics] statsd_influxdb_enabled: then tags arrive as tags.",
            "mappings:",
            *(line for one in METRICS.values() for line in _mapped(one)),
            "",
        ]
    )


def _mapped(metric: Metric) -> Iterator[str]:
    if metric.tags:
        yield f'  - match: "{PREFIX}.{metric.name}{".*" * len(metric.tags)}"'
        yield f"    name: {prometheus_name(metric)}"
        yield "    labels:"
        yield from (f'      {tag}: "${number}"' for number, tag in enumerate(metric.tags, 1))
        # Under its bare name the last value of any tag wins: it says nothing.
        yield f'  - match: "{PREFIX}.{metric.name}"'
        yield f"    name: {prometheus_name(metric)}"
        yield "    action: drop"
    else:
        yield f'  - match: "{PREFIX}.{metric.name}"'
        yield f"    name: {prometheus_name(metric)}"


def prometheus_name(metric: Metric) -> str:
    """Return the name that statsd_exporter gives a metric by itself and by the mapping."""
    return f"{PREFIX}_{metric.name}".replace(".", "_")


def prometheus_names() -> set[str]:
    """Return all names under which Prometheus finds the metrics; timers are summaries in seconds."""
    names = set()
    for one in METRICS.values():
        endings = ("_sum", "_count", "") if one.kind == "timer" else ("",)
        names |= {prometheus_name(one) + ending for ending in endings}
    return names


if __name__ == "__main__":
    MAPPING.write_text(mapping())
