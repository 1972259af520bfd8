"""What the ready DAGs and their tasks say about themselves in Airflow: what they do, and what to do."""

from __future__ import annotations

_SETTINGS = """Settings come from section `[mode_catalog]` of Airflow's configuration, and for a second
workspace from the call that builds its DAG; the form of a manual run starts from them.
"""

SYNC = f"""Keeps Coalesce Catalog in step with a Mode workspace: checks the credentials, waits for the
warehouse, takes the run lock, extracts Mode, uploads to Catalog, gives the lock back, and runs the chosen
Mode reports again.

**Needs** a connection of type `mode` and one of type `coalesce_catalog`, and an `output_dir` that all
workers see.

**When a run fails**, open the log of the task that failed (`confirm_outcome` names it): its last lines
say what happened and what to do. Mend that and clear the failed task. Days that were missed need one
snapshot, not one each.

**To try it**, trigger it with *Dry run*: everything is read and checked, and nothing is sent.

{_SETTINGS}"""

REFRESH = f"""Runs Mode's reports again when the warehouse is loaded, so that people see today's numbers.

Starts on each event of one asset, which stands for "warehouse loaded": put it into the `outlets` of the
task that ends your ETL (option `warehouse_asset`). Reports with a good run since the load are left alone.

**Needs** a connection of type `mode`, and something selected: `reports`, `datasets`,
`refresh_collections` or `refresh_data_sources`. Each run costs warehouse time.

**When it fails**, the log names each report that failed and why; clear the task to run those again.

{_SETTINGS}"""

AUDIT = f"""Finds what in the Mode workspace drifted apart, was copied, refused, orphaned or forgotten.

Looks at the newest snapshot that the workspace's sync staged, and asks Mode nothing. What is new since
the last audit is in the task's log as warnings, with the address in Mode.

**Needs** the `mode_conn_id` and `output_dir` of the sync, and one finished extraction.

**When it fails**, there is no snapshot yet (run the sync), or `fail_on` names a check that found
something new: look at it, mend it in Mode, or put it into *Ignore*.

{_SETTINGS}"""

ARRIVAL = f"""Compares the snapshot that was pushed last with what Catalog shows of the Mode source: reports
that are missing, dashboards that Mode no longer has, reports without lineage, and the reason for each.

Starts when Catalog has ingested the source, so it costs nothing until then. What is new since the last time
is in the task's log as warnings; all of it is kept beside the snapshots.

**Needs** the connections and the `output_dir` of the sync, and one finished upload.

**When it fails**, nothing was uploaded yet (run the sync), Catalog cannot be asked, or a share in the form is
missed: the log names what is missing, and why.

{_SETTINGS}"""

PERMISSIONS = f"""Reads who may see or edit what in Mode, and through what: directly, through a group, by
default access, as admin. Says what is wrong and who gained or lost a right since the last time.

Costs about one request for each group, collection and connection. The matrix is kept as CSV and SQLite in
the folder `permissions` of the workspace's staging area.

**Needs** a connection of type `mode` whose key may read groups and permissions (an admin's); what it may
not read is told, and the rest is checked.

**When it fails**, the key was refused, or *Fail on* names a check that found something new: look at the
log, and mend the rights in Mode.

{_SETTINGS}"""

PREFLIGHT = """Asks Mode and Catalog, in seconds, whether key, token, workspace and source are accepted,
and tells all faults at once. Warns when Mode's API key is near its end.

**When it fails**: put the right credential into the connection that the log names, and clear this task.
"""

WAIT_FOR_WAREHOUSE = """Waits, without a worker, until Catalog has ingested the warehouses of option
`warehouse_sources` (any warehouse, if it is empty) within `warehouse_max_age_hours`.

**When it fails**, the warehouse was not ingested in time: look at its source in Catalog; or trigger a run
with *Do not wait for the warehouse*.
"""

ACQUIRE_LOCK = """Takes the run lock, so that nothing else extracts or uploads at the same time. Waits
without a worker.

**When it fails**, the log says who holds the lock. A holder that died is taken over after
`lock_ttl_minutes`.
"""

EXTRACT = """Reads the whole Mode workspace and stages it as a snapshot in `output_dir`. A run that a
later snapshot answers is skipped, with a sentence in its log.

**When it fails**, nothing was staged and nothing is lost: mend what the log says, and clear this task.
"""

UPLOAD = """Checks the snapshot and sends it to Catalog: data files first, the summary last. Refuses one
that is incomplete, too old, or much smaller than the last one.

**When it fails because the snapshot shrank**, look at the rights of Mode's key and the collection
filters; if it is meant, trigger a run with *Accept a smaller snapshot*.
"""

RELEASE_LOCK = """Gives the run lock back, whatever became of the run."""

WHAT_CHANGED = """Tells what changed in Mode since the last snapshot: in its log, as Markdown in XCom, and in
a file beside the snapshot. A report: the run is good without it.

**When it is skipped**, its log says why. There is nothing to tell after the first extraction, and none where
`keep_snapshots` is 1.
"""

REFRESH_RESULTS = """Runs the chosen reports and datasets again in Mode, and waits for them without a
worker. With nothing to refresh it is skipped.

**When it fails**, the log names each report and the reason that Mode gave. Catalog is up to date all the
same; clear this task to run what failed once more.
"""

CONFIRM_OUTCOME = """Fails the run unless Catalog was brought up to date, and names the tasks that failed.
There is nothing to mend here: open the log of the task that it names.
"""

AUDIT_TASK = """Looks for copies that drifted apart, duplicates, refused objects, orphans and stale
reports in the newest snapshot.

**When it fails**, the log says whether a snapshot is missing or which new finding `fail_on` stops at.
"""

SCHEDULES_TASK = """Asks Mode about the schedules of the reports that have some: what fails, is overdue,
runs too often or delivers to nobody.

**When it fails**, the log says whether a snapshot is missing or what Mode refused.
"""

ARRIVAL_TASK = """Reads what Catalog shows of the Mode source and compares it with the snapshot.

**When it fails**, the log says whether Catalog or the snapshot is missing, or which share is missed.
"""

PERMISSIONS_TASK = """Reads members, groups, collections, connections and the rights on them, and
compares with the last audit. Reads only.

**When it fails**, its last lines say what happened and what to do.
"""
