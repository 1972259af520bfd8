"""Every metric that goes to Airflow's StatsD or OpenTelemetry: declared here, sent here, and nowhere else.

A metric with tags is sent under two names, as Airflow does with its own: with the tags' values in the name
(plain StatsD drops tags, and of gauges under one name the last would win), and with tags for those that read
them. Tags have few values, all from closed lists: never a token, a name or a path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mode_catalog_provider.audit.finding import CHECKS
from mode_catalog_provider.catalog import operations as catalog_operations
from mode_catalog_provider.catalog.arrival_report import KINDS
from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.http.statistics import OUTCOMES
from mode_catalog_provider.mode import operations as mode_operations
from mode_catalog_provider.rights.findings import RIGHTS_CHECKS
from mode_catalog_provider.schedules.findings import SCHEDULE_CHECKS
from mode_catalog_provider.tasks.compat import Stats, conf

PREFIX = "mode_catalog"

COUNTER, GAUGE, TIMER = "counter", "gauge", "timer"

#: The two services. Catalog's ingest endpoint and its API are one.
SERVICES = ("mode", "catalog")

#: What a task of this package can be about, and how it can end.
JOBS = (
    *("preflight", "wait_for_source", "acquire_lock", "release_lock", "extract", "upload", "refresh"),
    *("reconcile", "changes", "audit", "permissions", "schedules"),
)
JOB_OUTCOMES = ("succeeded", "failed", "skipped")

#: What is waited for in the triggerer.
TRIGGERS = ("mode_runs", "catalog_sources", "catalog_events", "lock")

#: Every tag there is, with all its values.
TAGS: Mapping[str, tuple[str, ...]] = {
    "service": SERVICES,
    "operation": tuple(sorted({*mode_operations.OPERATIONS, *catalog_operations.OPERATIONS})),
    "outcome": (*OUTCOMES, *JOB_OUTCOMES, "answered"),
    "job": JOBS,
    "asset": DATA_ASSETS,
    "kind": tuple(KINDS),
    "check": tuple(dict.fromkeys((*CHECKS, *RIGHTS_CHECKS, *SCHEDULE_CHECKS))),
    "trigger": TRIGGERS,
}


@dataclass(frozen=True)
class Metric:
    """One metric.

    :param name: without Airflow's own prefix.
    :param kind: ``counter``, ``gauge`` or ``timer``.
    :param unit: of its value.
    :param meaning: what it tells, for people.
    :param tags: names of its tags, each one of :data:`TAGS`, in the order in which they come in the name.
    """

    name: str
    kind: str
    unit: str
    meaning: str
    tags: tuple[str, ...] = ()

    @property
    def plain_name(self) -> str:
        """The name with its tags' names in the places of their values."""
        return ".".join([self.name, *(f"<{tag}>" for tag in self.tags)])


#: All metrics, by name; filled by what follows.
METRICS: dict[str, Metric] = {}


def _metric(name: str, kind: str, unit: str, meaning: str, *tags: str) -> Metric:
    metric = Metric(f"{PREFIX}.{name}", kind, unit, meaning, tags)
    METRICS[metric.name] = metric
    return metric


_OF_REQUESTS = ("service", "operation")

HTTP_REQUESTS = _metric(
    "http.requests", COUNTER, "requests", "sent to a service, by how they ended", *_OF_REQUESTS, "outcome"
)
HTTP_RETRIES = _metric("http.retries", COUNTER, "requests", "of them repeated ones", *_OF_REQUESTS)
HTTP_BYTES = _metric("http.bytes", COUNTER, "bytes", "of answers, decompressed", *_OF_REQUESTS)
HTTP_MILLISECONDS = _metric(
    "http.milliseconds",
    COUNTER,
    "ms",
    "from sending to the last byte, of all requests together; by `http.requests` it is the mean latency",
    *_OF_REQUESTS,
)
HTTP_SLOWEST = _metric("http.slowest_seconds", GAUGE, "s", "of the task's slowest request", *_OF_REQUESTS)
HTTP_THROTTLED = _metric(
    "http.throttled_milliseconds",
    COUNTER,
    "ms",
    "waited for a place under the rate limit and after a 429, summed over threads",
    "service",
)
HTTP_RETRY_AFTER = _metric(
    "http.retry_after_milliseconds",
    COUNTER,
    "ms",
    "of waiting that the service asked for by `Retry-After`",
    "service",
)
JOB_ENDED = _metric("job.ended", COUNTER, "tasks", "that ended, deferrals left out", "job", "outcome")
JOB_DURATION = _metric(
    "job.duration", TIMER, "s", "of a task's work on a worker, deferred time left out", "job"
)
JOB_FAILING = _metric(
    "job.failing",
    GAUGE,
    "0 or 1",
    "whether the last try of such a task failed; skips say nothing",
    "job",
)
EXTRACT_ROWS = _metric("extract.rows", GAUGE, "rows", "in the snapshot just written", "asset")
EXTRACT_PROGRESS = _metric(
    "extract.progress", GAUGE, "rows", "read so far, about once a minute while it goes on", "asset"
)
EXTRACT_LEFT_OUT = _metric(
    "extract.left_out", GAUGE, "objects", "refused or gone, so not in the snapshot", "asset"
)
EXTRACT_NEWLY_FORBIDDEN = _metric(
    "extract.newly_forbidden", GAUGE, "objects", "refused that the snapshot before still had"
)
EXTRACT_COVERED = _metric(
    "extract.covered", COUNTER, "runs", "skipped, for a snapshot made meanwhile answers them"
)
EXTRACT_REQUESTS = _metric("extract.requests", GAUGE, "requests", "that the snapshot just written took")
EXTRACT_THROTTLED = _metric(
    "extract.throttled_seconds", GAUGE, "s", "waited for the rate limit for that snapshot, over all threads"
)
EXTRACT_DURATION = _metric("extract.duration", TIMER, "s", "of an extraction that ended well")
UPLOAD_FILES = _metric("upload.files", GAUGE, "files", "sent by the last upload")
UPLOAD_BYTES = _metric("upload.bytes", GAUGE, "bytes", "sent by the last upload")
UPLOAD_DURATION = _metric("upload.duration", TIMER, "s", "of an upload that ended well")
FED_AT = _metric(
    "catalog.fed_at",
    GAUGE,
    "Unix time",
    "when Catalog was last fed (that push was complete); alert on its distance from now",
)
FED_AGE = _metric(
    "catalog.fed_age_seconds", GAUGE, "s", "since Catalog was last fed, as seen when a sync began or ended"
)
REFRESH_STARTED = _metric("refresh.started", GAUGE, "runs", "started in Mode by the last refresh")
REFRESH_JOINED = _metric("refresh.joined", GAUGE, "runs", "that were going on already, by the last refresh")
REFRESH_SKIPPED = _metric("refresh.skipped", GAUGE, "reports", "that needed no run, by the last refresh")
REFRESH_FAILED = _metric("refresh.failed", GAUGE, "runs", "that failed, of the last refresh")
REFRESH_IN_FLIGHT = _metric(
    "refresh.in_flight", GAUGE, "runs", "under way in Mode, as last seen by worker or triggerer"
)
TRIGGER_POLLS = _metric("trigger.polls", COUNTER, "looks", "of the triggerer", "trigger", "outcome")
LOCK_WAITS = _metric("lock.waits", COUNTER, "tasks", "that found the run lock held and waited for it")
LOCK_TAKEOVERS = _metric("lock.takeovers", COUNTER, "leases", "taken over from a holder that was gone")
LOCK_LOST = _metric("lock.lost", COUNTER, "tasks", "that lost the lock while they worked")
LOCK_HELD_SINCE = _metric("lock.held_since", GAUGE, "Unix time", "when the lock was taken; 0: it is free")
ARRIVAL_REPORTS = _metric("arrival.reports", GAUGE, "reports", "of the snapshot that was pushed")
ARRIVAL_ARRIVED = _metric("arrival.arrived", GAUGE, "reports", "of them that Catalog shows")
ARRIVAL_WITH_LINEAGE = _metric("arrival.with_lineage", GAUGE, "reports", "of those that have lineage")
ARRIVAL_FINDINGS = _metric("arrival.findings", GAUGE, "findings", "of the last reconciliation", "kind")
ARRIVAL_NEW = _metric("arrival.new_findings", GAUGE, "findings", "that the one before did not have", "kind")
CHANGES = _metric("changes", GAUGE, "changes", "between the last two snapshots", "asset")
AUDIT_FINDINGS = _metric("audit.findings", GAUGE, "findings", "of the last audit", "check")
AUDIT_NEW = _metric("audit.new_findings", GAUGE, "findings", "that the one before did not have", "check")
PERMISSIONS_FINDINGS = _metric("permissions.findings", GAUGE, "findings", "on rights", "check")
PERMISSIONS_GAINED = _metric("permissions.gained", GAUGE, "rights", "gained since the look before")
PERMISSIONS_LOST = _metric("permissions.lost", GAUGE, "rights", "lost since the look before")
SCHEDULES_FINDINGS = _metric("schedules.findings", GAUGE, "findings", "on Mode's own schedules", "check")
KEY_AGE = _metric("key.age_days", GAUGE, "days", "since Mode's API key was made, or was first seen")
KEY_LEFT = _metric("key.days_left", GAUGE, "days", "until Mode's API key ends; not sent when nobody knows")


def count(metric: Metric, number: int = 1, **tags: str) -> None:
    """Add to a counter; zero sends nothing.

    :param metric: the counter.
    :param number: what to add.
    :param tags: a value for each of its tags.
    """
    if number:
        _send(Stats.incr, metric, number, tags)


def gauge(metric: Metric, value: float, **tags: str) -> None:
    """Set a gauge; arguments as for :func:`count`."""
    _send(Stats.gauge, metric, value, tags)


def timing(metric: Metric, seconds: float, **tags: str) -> None:
    """Record a duration in seconds; StatsD is sent milliseconds. Arguments as for :func:`count`."""
    _send(Stats.timing, metric, seconds * 1000, tags)


def _send(send: Callable[..., Any], metric: Metric, value: float, tags: Mapping[str, str]) -> None:
    if not metric.tags:
        send(metric.name, value)
        return
    values = {tag: tags[tag] for tag in metric.tags}
    # Airflow's own switch for names that hold values.
    if conf.getboolean("metrics", "legacy_names_on", fallback=True):
        send(".".join([metric.name, *values.values()]), value)
    send(metric.name, value, tags=values)
