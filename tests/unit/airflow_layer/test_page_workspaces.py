"""The page finds the folder of a workspace, or says what is missing."""

from __future__ import annotations

import sqlite3

import pytest
from jinja2 import PackageLoader

from mode_catalog_provider.errors import ConfigurationError, SnapshotError
from mode_catalog_provider.page.places import Place
from mode_catalog_provider.page.report_index import ReportIndexes
from mode_catalog_provider.page.workspaces import open_workspace
from mode_catalog_provider.report.html import environment
from tests.integration.upload_cases import make_snapshot

pytestmark = pytest.mark.usefixtures("connect")


def place(output_dir: str) -> Place:
    return Place(dag_id="sync", output_dir=output_dir, output_conn_id="staging", mode_conn_id="mode_default")


def test_a_bucket_that_does_not_exist_is_not_taken_for_an_empty_one(s3, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STAGING", s3.connection())
    with pytest.raises(ConfigurationError, match="There is no bucket or container 'mistyped'"):
        open_workspace(place("s3://mistyped/mode"))


def test_a_bucket_with_nothing_in_it_is_a_workspace_without_snapshots(s3, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STAGING", s3.connection())
    assert open_workspace(place(f"s3://{s3.bucket}/nothing-yet")).records.timestamps == []


def test_the_place_of_a_workspace_is_shown_as_it_is_written():
    places = [(place("s3://bucket/<b>mode"), "/here")]
    template = (
        environment()
        .overlay(loader=PackageLoader("mode_catalog_provider.page"))
        .get_template("workspaces.html")
    )
    context = template.new_context({"places": places, "dag": None, "airflow": "", "quote": str})
    assert "s3://bucket/&lt;b&gt;mode</td>" in "".join(template.blocks["main"](context))


def test_a_full_temporary_disk_is_told_in_a_sentence(tmp_path, monkeypatch):
    class Full(sqlite3.Connection):
        def execute(self, *arguments):
            done = super().execute(*arguments)
            if "CREATE TABLE report" in arguments[0]:
                super().execute("PRAGMA max_page_count = 2")
            return done

    connect = sqlite3.connect

    def opened(path, *, factory=sqlite3.Connection, **options):
        bases = (Full,) if factory is sqlite3.Connection else (factory, Full)
        return connect(path, factory=type("Database", bases, {}), **options)

    monkeypatch.setattr(sqlite3, "connect", opened)
    rows = {"datasource": 1, "collection": 1, "report": 200}
    with pytest.raises(SnapshotError, match="temporary disk"):
        ReportIndexes().search(
            make_snapshot(tmp_path, rows=rows), words="", sort="name", descending=False, page=1, rows=10
        )
