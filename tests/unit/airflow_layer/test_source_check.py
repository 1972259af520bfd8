"""Uploads and their preflight do not depend on Catalog's API, unless they are told to."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace

import pytest

from mode_catalog_provider.errors import (
    AuthenticationError,
    CatalogAuthenticationError,
    ConfigurationError,
    ModeCatalogError,
    ServiceUnavailableError,
)
from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.operators.preflight import ModeCatalogPreflightOperator, _all_of
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.links import ExtractionLink

pytestmark = pytest.mark.usefixtures("connect")

GRAPHQL = "/public/graphql*"
WAYS = {"401 there alone": {"status": 401}, "404": {"status": 404}, "not JSON": {"body": b"no"}}


def preflight(tmp_path, **arguments):
    operator = ModeCatalogPreflightOperator(task_id="preflight", output_dir=str(tmp_path), **arguments)
    return operator.execute({})


@pytest.mark.parametrize("way", WAYS)
def test_the_preflight_passes_where_the_source_cannot_be_checked(sandbox, tmp_path, way):
    sandbox.catalog.fault(GRAPHQL, times=None, **WAYS[way])
    assert preflight(tmp_path)["source_id"] == sandbox.catalog.source_id
    with pytest.raises(Exception, match=r"Catalog|GraphQL"):
        preflight(tmp_path, source_check="require")
    assert sandbox.catalog.uploads == []


def test_the_preflight_asks_about_the_source_that_the_task_names(tmp_path):
    with pytest.raises(AirflowFailException, match="0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"):
        preflight(tmp_path, source_id="0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d")


def test_a_token_that_both_endpoints_refuse_fails_the_preflight(sandbox, tmp_path):
    sandbox.catalog.rotate()
    with pytest.raises(AirflowFailException, match="Catalog refused the API token"):
        preflight(tmp_path)


@pytest.mark.parametrize("require", ["require", " Require "])
def test_the_operator_uploads_with_a_warning_or_is_strict(sandbox, tmp_path, require):
    extracted = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path)).execute({})
    sandbox.catalog.fault(GRAPHQL, times=None, status=401)
    strict = CatalogUploadOperator(task_id="upload", manifest=extracted, source_check=require)
    with pytest.raises(AirflowFailException, match="401"):
        strict.execute({})
    assert sandbox.catalog.uploads == []
    CatalogUploadOperator(task_id="upload", manifest=extracted).execute({})
    assert len(sandbox.catalog.uploads) == 6


def test_a_setting_that_is_none_is_refused_by_its_name(tmp_path):
    upload = CatalogUploadOperator(task_id="upload", manifest=str(tmp_path), source_check="perhaps")
    with pytest.raises(AirflowFailException, match="source_check is 'warn' or 'require'"):
        upload.execute({})


@pytest.mark.parametrize("page", ["upload", "upload/mapped/1"])
def test_the_button_leads_to_the_extraction_from_a_mapped_upload_too(sandbox, tmp_path, monkeypatch, page):
    from airflow.sdk import DAG

    with DAG("button", schedule=None):
        extract = ModeExtractOperator(task_id="extract", output_dir=str(tmp_path))
        upload = CatalogUploadOperator(task_id="upload", manifest=str(tmp_path))
        extract >> upload
    pushed = {}
    ti = SimpleNamespace(
        task_id="upload",
        log_url=f"http://airflow/dags/button/runs/r/tasks/{page}?try_number=1",
        xcom_push=lambda key, value: pushed.update({key: value}),
    )
    upload._lead_to_extraction({"ti": ti})
    assert pushed == {ExtractionLink().xcom_key: "http://airflow/dags/button/runs/r/tasks/extract"}


PASSING, WRONG, REFUSED = (
    ServiceUnavailableError("down"),
    ConfigurationError("wrong"),
    CatalogAuthenticationError("refused"),
)


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ([PASSING, PASSING], ModeCatalogError),
        ([PASSING, WRONG], ConfigurationError),
        ([WRONG, PASSING], ConfigurationError),
        ([PASSING, REFUSED], AuthenticationError),
        ([REFUSED, WRONG], AuthenticationError),
    ],
)
def test_of_several_faults_the_worst_says_whether_another_try_is_worth_while(faults, kind):
    told = _all_of(faults)
    assert type(told) is kind
    assert told.permanent is (kind is not ModeCatalogError)
    assert str(told) == f"2 things are wrong, each of which stops a run: (1) {faults[0]} (2) {faults[1]}"


def test_one_fault_is_told_as_it_is():
    assert _all_of([PASSING]) is PASSING


def test_the_source_is_asked_for_with_the_reading_token_only_where_there_is_another(sandbox, tmp_path):
    sandbox.catalog.fault(GRAPHQL, times=None, status=404)
    preflight(tmp_path)
    assert len([one for one in sandbox.catalog.requests if "graphql" in one.path]) == 1


def test_what_the_uploading_token_may_not_ask_the_reading_one_is_asked(sandbox, tmp_path, connect):
    unknown = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
    connect("coalesce_catalog_default", extra={"read_token": sandbox.catalog.read_token})
    sandbox.catalog.fault(GRAPHQL, status=401)
    with pytest.raises(AirflowFailException, match=unknown):
        preflight(tmp_path, source_id=unknown)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_key_that_cannot_be_remembered_fails_no_preflight(tmp_path, make):
    preflight(tmp_path)
    (salt,) = tmp_path.rglob("salt")
    salt.unlink()
    make(salt)
    assert preflight(tmp_path)


def test_nor_does_a_disk_that_is_full(tmp_path, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("mode_catalog_provider.snapshot.output.create_private", full)
    assert preflight(tmp_path)
