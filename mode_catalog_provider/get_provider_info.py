"""What Airflow reads to know this provider: plain values only, nothing imported.

The connection forms and the configuration options are written once, here; the hooks and
:mod:`mode_catalog_provider.dags.settings` take them from this module.
"""

from __future__ import annotations

from typing import Any

MODE = "Mode Analytics"
CATALOG = "Coalesce Catalog"
CONFIG_SECTION = "mode_catalog"

UUID_PATTERN = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"


def _field(label: str, description: str, kind: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": [kind, "null"], **schema}}


_CONNECTION_TYPES: list[dict[str, Any]] = [
    {
        "connection-type": "mode",
        "hook-class-name": "mode_catalog_provider.hooks.mode.ModeHook",
        "hook-name": "Mode",
        "conn-fields": {
            "workspace": _field(
                "Workspace",
                "Required. Name of the workspace as in its address: acme for https://app.mode.com/acme.",
                "string",
                minLength=1,
            ),
            "next_token": _field(
                "Next API token",
                "Optional: token of the key that takes over when the present one is refused, so that a "
                "rotation can be prepared days ahead.",
                "string",
                format="password",
            ),
            "next_secret": _field("Next API secret", "The secret of that key.", "string", format="password"),
            "requests_per_second": _field(
                "Requests per second",
                "Upper limit for all requests of one task together. Empty: what Mode publishes (4 per "
                "second), and less when Mode asks for less.",
                "number",
                minimum=0.1,
                maximum=100,
            ),
            "timeout": _field(
                "Timeout (s)",
                "Seconds to wait for an answer to one request.",
                "integer",
                default=60,
                minimum=1,
                maximum=600,
            ),
            "verify": _field(
                "Verify TLS",
                "Check the server's certificate. For a certificate authority of your own, write its path as "
                '"verify" into Extra Fields JSON instead.',
                "boolean",
                default=True,
            ),
            "allow_http": _field(
                "Allow plain http",
                "Send the credentials unencrypted to a host that is not this machine. Off unless a private "
                "network demands it.",
                "boolean",
                default=False,
            ),
        },
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "port"],
            "relabeling": {"host": "Base URL", "login": "API token", "password": "API secret"},
            "placeholders": {
                "host": "https://modeanalytics.com",
                "login": "the token of the API key (12 characters)",
                "password": "the secret that Mode showed once",
            },
        },
    },
    {
        "connection-type": "coalesce_catalog",
        "hook-class-name": "mode_catalog_provider.hooks.catalog.CatalogHook",
        "hook-name": "Coalesce Catalog",
        "conn-fields": {
            "source_id": _field(
                "Source id (UUID)",
                "Required for uploads: the Mode source in Catalog that receives the files.",
                "string",
                pattern=UUID_PATTERN,
            ),
            "zone": _field(
                "Zone",
                "EU for tenants on app.castordoc.com, US for tenants on app.us.castordoc.com.",
                "string",
                default="EU",
                enum=["EU", "US"],
            ),
            "read_token": _field(
                "Read-only token",
                "Optional: token that the sensors and checks use, so that they need no right to write.",
                "string",
                format="password",
            ),
            "timeout": _field(
                "Timeout (s)",
                "Seconds to wait for an answer to one request; raise it for large files on slow lines.",
                "integer",
                default=60,
                minimum=1,
                maximum=3600,
            ),
            "ingest_url": _field(
                "Ingest URL", "Only for a private upload endpoint; empty: the zone's own.", "string"
            ),
            "api_url": _field(
                "API URL", "Only for a private GraphQL endpoint; empty: the zone's own.", "string"
            ),
            "verify": _field(
                "Verify TLS",
                "Check the server's certificate. For a certificate authority of your own, write its path as "
                '"verify" into Extra Fields JSON instead.',
                "boolean",
                default=True,
            ),
            "allow_http": _field(
                "Allow plain http",
                "Send the token unencrypted to a host that is not this machine. Off unless a private network "
                "demands it.",
                "boolean",
                default=False,
            ),
        },
        "ui-field-behaviour": {
            "hidden-fields": ["host", "login", "schema", "port"],
            "relabeling": {"password": "API token"},
            "placeholders": {
                "password": "Read & Write token from Settings > API",
                "source_id": "00000000-0000-4000-8000-000000000000",
            },
        },
    },
]


def _option(
    default: str, description: str, *, kind: str = "string", example: str | None = None
) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": kind,
        "example": example,
        "default": default,
    }


_OPTIONS: dict[str, dict[str, Any]] = {
    "schedule": _option(
        "@daily",
        "When mode_catalog_sync runs: a cron expression or preset; ingestion for each time that Catalog has "
        "ingested warehouse_sources; none for manual runs only. Catalog advises at most one upload a day.",
        example="30 5 * * *",
    ),
    "timezone": _option(
        "",
        "Time zone of schedule, audit_schedule and permission_schedule; 05:30 stays 05:30 when summer time "
        "begins. Empty: that of [core] default_timezone.",
        example="Europe/Berlin",
    ),
    "mode_conn_id": _option("mode_default", "Connection of type mode that the DAGs use."),
    "catalog_conn_id": _option(
        "coalesce_catalog_default", "Connection of type coalesce_catalog that the DAGs use."
    ),
    "source_id": _option(
        "", "Id (UUID) of the Mode source in Catalog that receives the files. Empty: the connection's."
    ),
    "output_dir": _option(
        "",
        "Where snapshots are staged: an absolute path or an object-store URL that every worker sees. Empty: "
        "mode_catalog in Airflow's home, which suits a single machine only.",
        example="s3://my-bucket/mode",
    ),
    "output_conn_id": _option(
        "", "Airflow connection of the object store in output_dir. Empty: the store's default credentials."
    ),
    "lock_path": _option(
        "",
        "Folder or URL of the run lock. Everything that feeds the same Catalog source must use the same one. "
        "Empty: .lock in output_dir.",
    ),
    "lock_ttl_minutes": _option(
        "30",
        "Minutes after which a lock whose holder shows no sign of life is taken over. Must exceed the wait "
        "between two tries of a task (at most 10 minutes in mode_catalog_sync).",
        kind="integer",
    ),
    "lock_timeout_hours": _option(
        "6",
        "Hours that a run waits for the lock before it fails; it holds no worker meanwhile.",
        kind="float",
    ),
    "warehouse_sources": _option(
        "",
        "Warehouse sources in Catalog, by id or name, separated by commas, that must have been ingested "
        "before Mode is read. Empty: any warehouse.",
        example="Snowflake Production",
    ),
    "warehouse_max_age_hours": _option(
        "24", "How many hours ago a warehouse may have been ingested to count as fresh.", kind="float"
    ),
    "warehouse_timeout_hours": _option(
        "12",
        "Hours that a run waits for a fresh warehouse before it fails; it holds no worker.",
        kind="float",
    ),
    "strategy": _option("auto", "How Mode is read: auto, rest or hybrid."),
    "incremental": _option(
        "False",
        "Read again only the queries of reports that changed since the last snapshot, and new members.",
        kind="boolean",
    ),
    "full_refresh_after_days": _option(
        "7", "Days after which an incremental run reads even what has not changed.", kind="float"
    ),
    "resume": _option(
        "True",
        "Go on from what an extraction that died has read, at most a day ago, where it has not changed.",
        kind="boolean",
    ),
    "include_personal": _option("False", "Extract personal collections as well.", kind="boolean"),
    "include_archived": _option("True", "Extract archived reports as well.", kind="boolean"),
    "include_datasets": _option(
        "True", "Extract datasets as well, as reports of type DatasetReport.", kind="boolean"
    ),
    "members": _option(
        "full", "full: one request per member for id and creation time; lite: without them, much cheaper."
    ),
    "definitions": _option(
        "keep",
        "What becomes of Mode definitions in queries. keep: they stay as they were written; expand: their "
        "SQL is put in the place of their names, so that Catalog can draw lineage.",
    ),
    "on_forbidden": _option(
        "warn",
        "What an extraction does when Mode refuses objects that it did not refuse at the last snapshot, or "
        "hides connections or collections that it showed there: ignore, warn, or fail.",
    ),
    "key_lifetime_days": _option(
        "90",
        "Days that Mode accepts an API key, where Mode does not tell; 0: unknown, warn of nothing.",
        kind="float",
    ),
    "key_warning_days": _option(
        "14", "How many days before the end of Mode's API key each run warns of it.", kind="float"
    ),
    "on_covered": _option(
        "skip",
        "What a run does that was queued before a snapshot was begun which is uploaded by now, as the other "
        "days of a backfill are: skip, or run all the same.",
    ),
    "source_check": _option(
        "warn",
        "What preflight and upload do when Catalog's API cannot be asked about the source: warn, and go on; "
        "or require, and stop.",
    ),
    "max_shrink": _option(
        "0.3",
        "Share of rows of any asset that may disappear against the last upload before an upload is refused.",
        kind="float",
    ),
    "approve_shrink": _option(
        "fail",
        "What an upload does that is refused because of max_shrink: fail, or ask, under Required Actions in "
        "Airflow's UI, whether to go on.",
    ),
    "approval_timeout_hours": _option(
        "12",
        "Hours that a run waits for that answer before it fails; it holds neither worker nor lock.",
        kind="float",
    ),
    "deadline_hours": _option(
        "0",
        "Hours within which a run of mode_catalog_sync must be finished after it was queued, or "
        "deadline_notifier is called; the run goes on. 0: no deadline.",
        example="2.5",
        kind="float",
    ),
    "deadline_notifier": _option(
        "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
        "Import path of the notifier for a missed deadline; it runs in the triggerer.",
    ),
    "deadline_arguments": _option(
        "",
        "Its arguments, as a JSON object.",
        example='{"to": "data@example.com", "subject": "Mode sync is late", "html_content": "Look: ..."}',
    ),
    "keep_snapshots": _option(
        "7", "How many complete snapshots stay in output_dir; 0 keeps all.", kind="integer"
    ),
    "reports": _option(
        "",
        "Tokens or names of the Mode reports whose stored results are refreshed after each sync and by "
        "mode_cache_refresh, separated by commas.",
        example="3c9bb3e4d1f0,8f0e2a7715cd",
    ),
    "datasets": _option(
        "", "Tokens or names of the Mode datasets that are refreshed before those reports, by commas."
    ),
    "warehouse_asset": _option(
        "warehouse_loaded",
        "Name of the Airflow asset whose events start mode_cache_refresh: your ETL's last task emits it. "
        "Empty: manual runs only.",
    ),
    "refresh_collections": _option(
        "",
        "Collections, by token, name or glob, whose reports and datasets mode_cache_refresh refreshes as "
        "well.",
        example="Finance*,Board",
    ),
    "refresh_data_sources": _option(
        "",
        "Mode's connections, by token, name or glob, whose reports and datasets mode_cache_refresh refreshes "
        "as well.",
    ),
    "refresh_max_runs": _option(
        "200",
        "mode_cache_refresh refuses, before it starts any, a refresh that could start more runs.",
        kind="integer",
    ),
    "refresh_timeout_hours": _option(
        "3", "Hours that a run waits for the refreshed reports before it fails.", kind="float"
    ),
    "audit_schedule": _option(
        "@weekly",
        "When mode_workspace_audit looks at the newest snapshot: a cron expression or preset; none for "
        "manual runs only.",
    ),
    "audit_stale_after_days": _option(
        "365",
        "Days without an edit, a run or a view after which the audit calls a report stale.",
        kind="float",
    ),
    "audit_name_pattern": _option(
        "",
        "Regular expression that the audit must find in the name of each report, or a JSON object from "
        "names, tokens or globs of collections to expressions; empty: names are not judged.",
        example='{"Finance": "^FIN ", "*": "^[A-Z]"}',
    ),
    "audit_version_pattern": _option(
        "",
        "The same for how a version is written in the name of a report (v2, Version 3).",
        example="v[0-9]+$",
    ),
    "audit_canonical": _option(
        "",
        "Collections, by name, token or glob and by commas, whose reports are the originals: the audit tells "
        "copies elsewhere.",
        example="Certified,Board*",
    ),
    "audit_index": _option(
        "",
        "Files that the audit writes the index of all reports to, by commas: paths or URLs that end in .csv, "
        ".json or .sqlite; empty: none.",
        example="/srv/mode/index.csv",
    ),
    "audit_schedules": _option(
        "False",
        "The audit DAG also asks Mode about its schedules (task `schedules`): two requests for each report "
        "that has some.",
        kind="boolean",
    ),
    "audit_ignore": _option(
        "",
        "What the audit need not tell again: tokens, names or globs of objects, or check:token, by commas.",
        example="Sandbox*,stale:0a1b2c3d4e5f",
    ),
    "audit_fail_on": _option(
        "",
        "Checks that fail mode_workspace_audit when they find something new, by commas.",
        example="drifted_copy,refused",
    ),
    "permission_schedule": _option(
        "@quarterly",
        "When mode_permission_audit reads who may see what: a cron expression or preset; none for manual "
        "runs only.",
    ),
    "permission_most_admins": _option(
        "5", "More active admins than this are told by mode_permission_audit.", kind="integer"
    ),
    "permission_admins": _option(
        "",
        "Who may be an admin, by username or e-mail address; others are told. Empty: only the number counts.",
        example="ada,grace@example.com",
    ),
    "permission_groups": _option(
        "",
        "Groups whose members should all have the same rights, by name. Empty: all groups.",
        example="Finance,Sales",
    ),
    "permission_fail_on": _option(
        "",
        "Checks that fail mode_permission_audit when they find something new, by commas; lost: somebody lost "
        "a right.",
        example="lost,inactive_in_group",
    ),
    "keep_report": _option(
        "False",
        "Whether each sync keeps the report of the workspace, one HTML file, beside its snapshots.",
        kind="boolean",
    ),
    "page": _option(
        "True",
        "Whether Airflow's UI has the page Mode and Catalog. Read by the API server when it starts.",
        kind="boolean",
    ),
    "retries": _option(
        "3",
        "How often a task is tried again after an error that may pass (never after others).",
        kind="integer",
    ),
}


def _modules(kind: str, **names: list[str]) -> list[dict[str, Any]]:
    integrations = {"mode": MODE, "catalog": CATALOG}
    return [
        {
            "integration-name": integrations[integration],
            "python-modules": [f"mode_catalog_provider.{kind}.{name}" for name in modules],
        }
        for integration, modules in names.items()
    ]


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata in the shape of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "mode-catalog-provider",
        "name": "Mode Catalog",
        "description": "Keeps Coalesce Catalog (formerly CastorDoc) complete and current with a Mode "
        "Analytics workspace, and Mode's stored results current with the warehouse.",
        "integrations": [
            {
                "integration-name": MODE,
                "external-doc-url": "https://mode.com/developer/",
                "tags": ["service"],
            },
            {
                "integration-name": CATALOG,
                "external-doc-url": "https://docs.coalesce.io/docs/catalog",
                "tags": ["service"],
            },
        ],
        "connection-types": _CONNECTION_TYPES,
        "hooks": _modules("hooks", mode=["mode"], catalog=["catalog"]),
        "operators": _modules(
            "operators",
            mode=[
                *("preflight", "extract", "cache_refresh", "audit", "snapshot_diff", "permissions"),
                *("schedules", "lock"),
            ],
            catalog=["upload", "reconcile"],
        ),
        "sensors": _modules("sensors", catalog=["warehouse", "catalog"]),
        "triggers": _modules(
            "triggers", mode=["mode_runs", "lock"], catalog=["catalog_sources", "catalog_events"]
        ),
        "asset-uris": [
            {
                "schemes": [scheme],
                "handler": f"mode_catalog_provider.tasks.asset_uris.sanitize_{word}_uri",
                "to_openlineage_converter": f"mode_catalog_provider.tasks.asset_uris.{word}_dataset",
            }
            for scheme, word in (("mode", "mode"), ("coalesce-catalog", "catalog"))
        ],
        "extra-links": [
            "mode_catalog_provider.tasks.links.ModeWorkspaceLink",
            "mode_catalog_provider.tasks.links.ModeCulpritLink",
            "mode_catalog_provider.tasks.links.ModeRunLink",
            "mode_catalog_provider.tasks.links.CatalogSourceLink",
            "mode_catalog_provider.tasks.links.ExtractionLink",
            "mode_catalog_provider.tasks.links.PageLink",
        ],
        "config": {
            CONFIG_SECTION: {
                "description": "Settings of the ready DAGs of mode-catalog-provider. They are read when a "
                "DAG file is parsed, from airflow.cfg or the environment, never from the database.",
                "options": _OPTIONS,
            }
        },
    }
