"""Workspaces of the same name on two hosts, in one output directory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mode_catalog_provider.errors import SnapshotShrunkError, SnapshotStaleError
from mode_catalog_provider.extract.folder import workspace_layout
from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import open_snapshot
from mode_catalog_provider.snapshot.writer import SnapshotWriter
from tests.integration.upload_cases import AT, ROWS, make_snapshot, push
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.unit.catalog.serving import running_catalog
from tests.unit.snapshot.sets import finish

SHAPE = WorkspaceShape(collections=1, reports=2, members=1, datasets=0, personal_reports=0, nasty=False)
CLOUD, PRIVATE, OTHER = "https://app.mode.com", "https://mode.corp.example:8443", "https://mode.corp.example"


def stage(folder: Path, host: str, timestamp: int, *, into: Path | None = None) -> Path:
    layout = workspace_layout(folder, workspace="acme", host=host) if into is None else Layout(into)
    with SnapshotWriter(layout=layout, workspace="acme", host=host, timestamp=timestamp) as writer:
        finish(writer)
    return layout.home


@pytest.fixture
def hosts() -> Iterator[list[Sandbox]]:
    switches = ModeSwitches(limiter="off", batch=404)
    with Sandbox(shape=SHAPE, mode=switches) as one, Sandbox(shape=SHAPE, mode=switches) as other:
        yield [one, other]


def test_keeping_one_snapshot_leaves_the_other_hosts_only_one_alone(hosts, tmp_path, monkeypatch):
    made = []
    for sandbox in [*hosts, hosts[0]]:
        monkeypatch.setenv("AIRFLOW_CONN_MODE_DEFAULT", sandbox.connections()["mode_default"])
        operator = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path), keep=1)
        made.append(Path(operator.execute({})["manifest"]))
    assert [path.exists() for path in made] == [False, True, True]
    assert made[0].parents[1] == made[2].parents[1] == tmp_path / "acme"


def test_a_folder_of_a_single_host_stays_as_it_is(tmp_path):
    for timestamp, host in [(1001, PRIVATE), (1002, PRIVATE), (1003, PRIVATE.upper() + "/")]:
        assert stage(tmp_path, host, timestamp) == tmp_path / "acme"


def test_modes_own_hosts_are_one(tmp_path):
    for timestamp, host in enumerate([CLOUD, "https://modeanalytics.com", "https://www.mode.com"], 1001):
        assert stage(tmp_path, host, timestamp) == tmp_path / "acme"


def test_who_comes_second_gets_a_folder_that_names_its_host_and_keeps_it(tmp_path):
    assert stage(tmp_path, CLOUD, 1001) == tmp_path / "acme"
    assert stage(tmp_path, PRIVATE, 1002) == tmp_path / "acme@mode.corp.example_8443"
    assert stage(tmp_path, OTHER, 1003) == tmp_path / "acme@mode.corp.example"
    assert stage(tmp_path, CLOUD, 1004) == tmp_path / "acme"
    assert stage(tmp_path, PRIVATE, 1005) == tmp_path / "acme@mode.corp.example_8443"


@pytest.mark.parametrize("first", range(1001, 1009))
def test_of_a_folder_that_two_hosts_have_shared_the_first_keeps_it(tmp_path, first):
    for later, host in enumerate([CLOUD, PRIVATE, CLOUD, PRIVATE]):
        stage(tmp_path, host, first + later, into=tmp_path / "acme")
    assert stage(tmp_path, PRIVATE, first + 4) == tmp_path / "acme@mode.corp.example_8443"
    shutil.rmtree(tmp_path / "acme" / str(first))
    assert stage(tmp_path, CLOUD, first + 5) == tmp_path / "acme"


def test_a_damaged_snapshot_says_nothing_about_whose_folder_it_is(tmp_path):
    stage(tmp_path, CLOUD, 1001)
    (tmp_path / "acme" / "1001" / "1001.manifest").write_text("{")
    assert stage(tmp_path, PRIVATE, 1002) == tmp_path / "acme"


@pytest.mark.parametrize("folder", ["acme", "acme@mode.corp.example_8443"])
def test_a_snapshot_in_a_hosts_own_folder_is_compared_with_the_last_push_as_any_other(tmp_path, folder):
    for at, rows in [(AT - 60, ROWS), (AT - 30, ROWS), (AT, {**ROWS, "report": 6})]:
        make_snapshot(tmp_path, at=at, rows=rows, host=PRIVATE)
    home = (tmp_path / "acme").rename(tmp_path / folder)
    with running_catalog() as catalog:
        push(catalog, open_snapshot(home / str(AT - 30)))
        with pytest.raises(SnapshotShrunkError, match=f"since snapshot {AT - 30}"):
            push(catalog, open_snapshot(home / str(AT)))
        with pytest.raises(SnapshotStaleError, match="is older than snapshot"):
            push(catalog, open_snapshot(home / str(AT - 60)))
