"""The form of a manual run of the sync: what it asks, and what it offers at first."""

from __future__ import annotations

from airflow.sdk import Param

from mode_catalog_provider.dags.form import lines
from mode_catalog_provider.dags.settings import Settings

RUN, CONTENT, UPLOAD, AFTER = "This run", "What is extracted", "Upload", "Afterwards"


def sync_params(settings: Settings) -> dict[str, Param]:
    """Return the parameters of a sync DAG; they start from its settings."""
    return {
        "skip_warehouse_check": Param(
            False,
            type="boolean",
            title="Do not wait for the warehouse",
            description_md="Start at once, even if Catalog has not ingested the warehouse lately.",
            section=RUN,
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description_md="Extract and check everything, but upload and refresh nothing.",
            section=RUN,
        ),
        "on_covered": Param(
            settings.on_covered,
            type="string",
            enum=["skip", "run"],
            values_display={
                "skip": "skip: one snapshot answers all the runs that were waiting for it",
                "run": "run: extract and upload again",
            },
            title="If this run is covered",
            description_md="A Mode snapshot is of now. A run is covered when a snapshot of the same content "
            "was begun after the run was queued, and was uploaded: five failed days that are backfilled "
            "need one snapshot, not five.",
            section=RUN,
        ),
        "strategy": Param(
            settings.strategy,
            type="string",
            enum=["auto", "rest", "hybrid"],
            values_display={
                "auto": "auto: the cheapest way that gives the same rows",
                "rest": "rest: everything from Mode's REST API",
                "hybrid": "hybrid: queries from Mode's Discovery API",
            },
            title="Strategy",
            description_md="How Mode is read.",
            section=CONTENT,
        ),
        "incremental": Param(
            settings.incremental,
            type="boolean",
            title="Incremental",
            description_md="Read only the queries of reports that changed since the last snapshot.",
            section=CONTENT,
        ),
        "include_collections": lines(
            (),
            "Only these collections",
            "Names or tokens, one per line; empty: all. Mind the upload: what is not extracted **disappears "
            "from Catalog**, so a smaller set is refused unless you accept it below.",
            CONTENT,
        ),
        "exclude_collections": lines(
            (), "Without these collections", "Names or tokens, one per line.", CONTENT
        ),
        "include_personal": Param(
            settings.include_personal,
            type="boolean",
            title="Personal collections",
            description_md="Extract members' personal collections as well.",
            section=CONTENT,
        ),
        "include_archived": Param(
            settings.include_archived,
            type="boolean",
            title="Archived reports",
            description_md="Extract archived reports as well.",
            section=CONTENT,
        ),
        "include_datasets": Param(
            settings.include_datasets,
            type="boolean",
            title="Datasets",
            description_md="Extract datasets as well, as reports of type `DatasetReport`.",
            section=CONTENT,
        ),
        "members": Param(
            settings.members,
            type="string",
            enum=["full", "lite"],
            values_display={
                "full": "full: with id and creation time (one request per member)",
                "lite": "lite: names and e-mail addresses only",
            },
            title="Members",
            description_md="How much of each member is read.",
            section=CONTENT,
        ),
        "definitions": Param(
            settings.definitions,
            type="string",
            enum=["keep", "expand"],
            values_display={
                "keep": "keep: queries as they were written",
                "expand": "expand: their SQL in place of their names, for lineage (one more request)",
            },
            title="Mode definitions",
            description_md="What becomes of `{{ @name as alias }}` in queries. Catalog never sees the "
            "definitions themselves.",
            section=CONTENT,
        ),
        "on_forbidden": Param(
            settings.on_forbidden,
            type="string",
            enum=["ignore", "warn", "fail"],
            values_display={
                "ignore": "ignore: list them in the manifest only",
                "warn": "warn: name them in the log",
                "fail": "fail: make no snapshot",
            },
            title="New refusals",
            description_md="What to do when Mode refuses objects that it still showed at the last snapshot, "
            "or shows connections or collections no more. What is not shown **disappears from Catalog**.",
            section=CONTENT,
        ),
        "accept_shrink": Param(
            False,
            type="boolean",
            title="Accept a smaller snapshot",
            description_md="Upload without refusing or asking, however many rows are gone. Look at the log "
            "of the refused upload first: it says what is missing.",
            section=UPLOAD,
        ),
        "approve_shrink": Param(
            settings.approve_shrink,
            type="string",
            enum=["fail", "ask"],
            values_display={
                "fail": "fail: refuse the upload",
                "ask": 'ask: wait for an answer under "Required Actions"',
            },
            title="If the snapshot is smaller",
            description_md=f"What to do when more than {settings.max_shrink:.0%} of the rows of an asset are "
            "gone since the last upload.",
            section=UPLOAD,
        ),
        "keep_snapshots": Param(
            settings.keep_snapshots,
            type="integer",
            minimum=0,
            maximum=1000,
            title="Snapshots to keep",
            description_md="How many complete snapshots stay in the staging area; 0 keeps all.",
            section=UPLOAD,
        ),
        "reports": lines(
            settings.reports,
            "Reports to refresh",
            "Tokens or names of the reports that Mode runs again after the upload, one per line, unless they "
            "ran well since the warehouse was ingested. Each run costs warehouse time.",
            AFTER,
        ),
        "datasets": lines(
            settings.datasets,
            "Datasets to refresh",
            "Tokens or names of the datasets that Mode runs again before those reports, one per line.",
            AFTER,
        ),
    }
