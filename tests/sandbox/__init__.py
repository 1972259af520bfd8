"""Two HTTP servers that behave like Mode and like Coalesce Catalog, as far as public knowledge goes.

Quick start::

    from tests.sandbox import CatalogSwitches, ModeSwitches, Sandbox, WorkspaceShape

    with Sandbox(shape=WorkspaceShape(collections=6, reports=40), time_scale=0.001) as sandbox:
        sandbox.mode.url, sandbox.mode.workspace, sandbox.mode.credentials()
        sandbox.catalog.ingest_url, sandbox.catalog.api_url, sandbox.catalog.token, sandbox.catalog.source_id
        sandbox.connections(), sandbox.environment()     # the same as Airflow connections

Time. The limiter is real and on by default: 40 requests per 10 s and key. ``time_scale`` is real seconds per
service second: with ``time_scale=0.001`` the window lasts 10 ms (4,000 requests a second) and a run of 20 s
takes 20 ms. Use that, or ``ModeSwitches(limiter="off")``, in tests that are not about the rate.
``Retry-After`` counts real seconds and is rounded up, as HTTP wants it; ``sandbox.requests_per_second`` is
the rate that is really allowed.

Switches. :class:`ModeSwitches` and :class:`CatalogSwitches` list every doubt about the two services; both may
be thrown while the servers run: ``sandbox.mode.switches.id_type = "number"``, or ``.throw(id_type="number",
latency=0.3)``.

The truth. ``sandbox.mode.world`` is the workspace; change it with its methods (``add_report``,
``move_report``, ``edit_queries``, ...) or by setting fields. ``sandbox.mode.expected(include_personal=...,
include_archived=..., members=...)`` gives the rows a complete extraction has by the file contract,
``expected_left_out(...)`` what it must list as left out: collections that are listed but refused, reports
that vanish or are refused, members without a profile.

Faults. ``sandbox.mode.fault("reports/*/queries", nth=3, status=503)``; likewise ``reset=True``,
``close=True``, ``truncate=True``, ``html=True``, ``hang=2.0``, ``drip=0.1``, ``body=b"..."``, ``headers=``,
``method=``, ``times=`` (``None`` = from then on). ``after=True`` carries the call out and spoils only the
answer (file stored, run started, answer lost). ``sandbox.mode.when("spaces", do=sandbox.mode.rotate, nth=2)``
runs code in the middle of somebody's walk.

Rights. ``sandbox.mode.rights`` has the groups and permissions:
``finance = rights.add_group("Finance", "ada")``, ``rights.allow(finance, collection.token, "edit")``,
``rights.allow("ada", data_source.token, "query")``.

Schedules. ``sandbox.mode.add_schedule(report, frequency="hourly", last_succeeded_at=None)``.

Runs. ``sandbox.mode.runs.script(report, outcome="failed", error_message="...")`` says how the next run of a
report or dataset goes, ``sandbox.mode.runs.started()`` lists what was started, ``.end(run, "cancelled")``
ends one at once, ``.start(report, by="somebody")`` is somebody else at work.

Credentials. ``rotate()`` makes a new key (the old one gets 401), ``revoke_after(n)`` lets the present one
die.

The record. ``sandbox.mode.requests`` (and ``sandbox.catalog.requests``) is what was asked, in order of
arrival, with the label of the credential, never the credential; :func:`peak_rate`, :func:`peak_in_flight` and
:func:`span` judge it. ``sandbox.catalog.uploads`` has the stored files.

Other processes: ``python -m tests.sandbox`` runs both in the foreground and prints one line of JSON.
"""

from __future__ import annotations

from tests.sandbox.catalog import CatalogSandbox
from tests.sandbox.catalog_sources import Source
from tests.sandbox.credentials import Credentials
from tests.sandbox.faults import Fault
from tests.sandbox.generate import WorkspaceShape, generate_workspace
from tests.sandbox.mode import ModeSandbox
from tests.sandbox.objects import Collection, DataSource, Member, Query, Report
from tests.sandbox.record import RecordedRequest, peak_in_flight, peak_rate, span
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.switches import CatalogSwitches, ModeSwitches
from tests.sandbox.uploads import Upload
from tests.sandbox.world import World

__all__ = [
    "CatalogSandbox",
    "CatalogSwitches",
    "Collection",
    "Credentials",
    "DataSource",
    "Fault",
    "Member",
    "ModeSandbox",
    "ModeSwitches",
    "Query",
    "RecordedRequest",
    "Report",
    "Sandbox",
    "Source",
    "Upload",
    "WorkspaceShape",
    "World",
    "generate_workspace",
    "peak_in_flight",
    "peak_rate",
    "span",
]
