"""What every operator and sensor of this package promises to Airflow and to its users."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
from airflow.sdk import DAG

from mode_catalog_provider.operators.audit import ModeWorkspaceAuditOperator
from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.operators.lock import AcquireLockOperator, ReleaseLockOperator, run_lock
from mode_catalog_provider.operators.permissions import ModePermissionAuditOperator
from mode_catalog_provider.operators.preflight import ModeCatalogPreflightOperator
from mode_catalog_provider.operators.schedules import ModeScheduleAuditOperator
from mode_catalog_provider.operators.snapshot_diff import ModeSnapshotDiffOperator
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.sensors.catalog import CatalogIngestedSensor
from mode_catalog_provider.sensors.warehouse import WarehouseIngestedSensor

NEEDED = {
    ModeExtractOperator: {"output_dir": "/srv/mode"},
    CatalogUploadOperator: {"manifest": "/srv/mode/acme/1/1.manifest"},
    ModeCacheRefreshOperator: {},
    ModeWorkspaceAuditOperator: {"output_dir": "/srv/mode"},
    ModeSnapshotDiffOperator: {"output_dir": "/srv/mode"},
    ModePermissionAuditOperator: {"output_dir": "/srv/mode"},
    ModeCatalogPreflightOperator: {"output_dir": "/srv/mode"},
    ModeScheduleAuditOperator: {"output_dir": "/srv/mode"},
    AcquireLockOperator: {"path": "/srv/mode/.lock"},
    ReleaseLockOperator: {"lease": None},
    WarehouseIngestedSensor: {},
    CatalogIngestedSensor: {},
}

each = pytest.mark.parametrize("operator", NEEDED, ids=lambda operator: operator.__name__)


def own_arguments(operator):
    found = {}
    for cls in operator.__mro__:
        if cls.__module__.startswith("mode_catalog_provider"):
            for parameter in inspect.signature(cls.__init__).parameters.values():
                found.setdefault(parameter.name, parameter)
    return {name: one for name, one in found.items() if name not in {"self", "kwargs"}}


@each
def test_all_arguments_are_by_keyword(operator):
    assert {one.kind for one in own_arguments(operator).values()} == {inspect.Parameter.KEYWORD_ONLY}


@each
def test_every_template_field_is_an_argument_and_a_plain_attribute(operator):
    task = operator(task_id="task", **NEEDED[operator])
    assert set(operator.template_fields) <= set(own_arguments(operator))
    for name in operator.template_fields:
        assert name in vars(task), name
        assert not isinstance(inspect.getattr_static(operator, name, None), property), name


@each
def test_every_argument_is_kept_under_its_own_name(operator):
    task = operator(task_id="task", **NEEDED[operator])
    for name, parameter in own_arguments(operator).items():
        assert hasattr(task, name), name
        if name in operator.template_fields and name not in NEEDED[operator]:
            assert getattr(task, name) == parameter.default, name


@each
def test_every_argument_is_documented(operator):
    documented = "".join(inspect.getdoc(cls) or "" for cls in operator.__mro__[:3])
    missing = [name for name in own_arguments(operator) if f":param {name}:" not in documented]
    assert missing == []


@each
def test_making_a_task_touches_nothing(operator, monkeypatch):
    import socket
    from pathlib import Path

    from airflow.sdk import BaseHook

    def refuse(*_, **__):
        raise AssertionError("I/O while a DAG is parsed")

    monkeypatch.setattr(BaseHook, "get_connection", refuse)
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    operator(task_id="task", **NEEDED[operator])


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"manifest": "/m", "directory_path": "/d"},
        {"directory_path": "/d", "file_path": "/f"},
        {"manifest": "/m", "directory_path": "/d", "file_path": "/f"},
    ],
)
def test_an_upload_is_of_exactly_one_thing(given):
    with pytest.raises(ValueError, match="exactly one of"):
        CatalogUploadOperator(task_id="upload", **given)


@pytest.mark.parametrize(
    ("operator", "name"),
    [
        (AcquireLockOperator, "ttl"),
        (AcquireLockOperator, "timeout"),
        (AcquireLockOperator, "poll_interval"),
        (CatalogUploadOperator, "approval_timeout"),
        (ModeCatalogPreflightOperator, "key_lifetime"),
        (ModeCatalogPreflightOperator, "warn_before"),
        (WarehouseIngestedSensor, "max_age"),
    ],
)
@pytest.mark.parametrize("number", [12, 0.5, "12"])
def test_a_number_without_a_unit_is_refused_when_the_dag_is_parsed(operator, name, number):
    with pytest.raises(ValueError, match=f"{name}={number!r} is no length of time: give a timedelta"):
        operator(task_id="task", **NEEDED[operator], **{name: number})


def test_the_signatures_that_others_rely_on():
    def signature(operator):
        return {
            name: one.default
            for name, one in inspect.signature(operator.__init__).parameters.items()
            if name not in {"self", "kwargs"}
        }

    assert (
        signature(ModeExtractOperator).items()
        >= {
            "output_dir": inspect.Parameter.empty,
            "mode_conn_id": "mode_default",
            "output_conn_id": None,
            "strategy": "auto",
            "incremental": False,
            "include_collections": None,
            "exclude_collections": None,
            "include_personal": False,
            "include_archived": True,
            "members": "full",
            "lease": None,
        }.items()
    )
    assert (
        signature(CatalogUploadOperator).items()
        >= {
            "manifest": None,
            "directory_path": None,
            "file_path": None,
            "catalog_conn_id": "coalesce_catalog_default",
            "source_id": None,
            "zone": None,
            "file_type": "VIZ",
            "max_shrink": 0.3,
            "accept_shrink": False,
            "dry_run": False,
            "lease": None,
        }.items()
    )


def test_a_lock_holds_for_an_hour_and_is_waited_for_in_the_triggerer_for_six():
    with DAG("lock", schedule=None):
        made = run_lock("/srv/mode/.lock")
        plain = AcquireLockOperator(task_id="plain", path="/srv/mode/.lock")
    assert (made.acquire.task_id, made.release.task_id) == ("acquire_lock", "release_lock")
    for one in (made.acquire, plain):
        assert (one.ttl, one.timeout) == (timedelta(hours=1), timedelta(hours=6))
        assert (one.conflict, one.poll_interval, one.deferrable) == ("wait", timedelta(seconds=30), True)
