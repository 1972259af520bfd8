from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath

from mode_catalog_provider.dags.values import location as read_location
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.staging import staging_path, without_credentials
from mode_catalog_provider.storage import location_of
from tests.airflow_versions import needs_connections_anywhere


def connection_of(path):
    return path.conn_id if hasattr(path, "conn_id") else path.storage_options.get("conn_id")


def test_an_absolute_path_is_the_local_disk():
    assert staging_path("/srv/mode") == Path("/srv/mode")
    assert isinstance(staging_path("/srv/mode", "aws_default"), Path)


def test_the_text_of_a_local_path_is_the_path():
    assert location_of(Path("/srv/our mode")) == "/srv/our mode"


def test_a_file_url_is_the_local_disk_too():
    assert staging_path("file:///srv/our%20mode") == Path("/srv/our mode")


@pytest.fixture(params=[None, "store"])
def conn_id(request, memory_store):
    return request.param


@pytest.mark.parametrize("location", ["staging/mode", "", "./mode", "file://mode"])
def test_a_relative_path_is_refused(location):
    with pytest.raises(ConfigurationError, match="neither an absolute path nor a URL"):
        staging_path(location)


def test_any_other_url_is_an_object_store_with_its_connection(conn_id):
    path = staging_path("memory://bucket/mode", conn_id)
    assert isinstance(path, ObjectStoragePath)
    assert connection_of(path) == conn_id


@needs_connections_anywhere
@pytest.mark.parametrize(
    ("location", "conn_id"),
    [("memory://bucket/mode", "typo"), ("memory://typo@bucket/mode", None)],
    ids=["beside the URL", "in the URL"],
)
def test_a_connection_that_does_not_exist_is_refused(memory_store, location, conn_id):
    with pytest.raises(ConfigurationError, match="There is no Airflow connection 'typo'"):
        staging_path(location, conn_id)


def test_the_default_connection_of_s3_may_be_missing_as_everywhere_in_airflow(memory_store):
    assert connection_of(staging_path("memory://bucket/mode", "aws_default")) == "aws_default"


def test_the_text_of_a_path_below_leads_back_to_the_same_store(conn_id):
    below = staging_path("memory://bucket/mode", conn_id) / "acme" / "1.manifest"
    again = staging_path(location_of(below))
    assert connection_of(again) == conn_id
    assert again.path == below.path


def test_a_store_that_airflow_does_not_know_is_refused_with_what_to_install():
    with pytest.raises(ConfigurationError, match="Airflow cannot use ftp9:// here"):
        staging_path("ftp9://bucket/mode")


@pytest.mark.parametrize("name", ["a#b", "a?b", "a?b#c", "team#1", "x;y"])
def test_a_file_url_keeps_what_no_url_would(name):
    assert staging_path(f"file:///data/{name}") == Path(f"/data/{name}")
    assert staging_path(f"FILE://localhost/data/{name}") == Path(f"/data/{name}")


def test_a_file_url_of_another_host_is_refused():
    with pytest.raises(ConfigurationError, match="names the host 'nas'"):
        staging_path("file://nas/data")


@pytest.mark.parametrize("location", [None, 5, True, {"manifest": "/x"}, ["/srv/mode"]])
def test_what_is_no_text_is_no_location(location):
    with pytest.raises(ConfigurationError, match="is no text"):
        staging_path(location)


@pytest.mark.parametrize("location", ["s3://", "s3:///mode", "S3://conn@/mode", "gs:///x", "abfs://", "://x"])
def test_a_url_without_a_bucket_is_refused(location):
    with pytest.raises(ConfigurationError, match="names no bucket"):
        staging_path(location)


@pytest.mark.parametrize(
    "location", ["/srv/mode\n", "/srv/mo\0de", "file:///srv/mo%00de", "/srv/mode\u200b", "s3://bucket/mo\tde"]
)
def test_a_location_with_an_invisible_character_is_refused(location):
    with pytest.raises(ConfigurationError, match="line break or an invisible character"):
        staging_path(location)


@pytest.mark.parametrize(
    "location", ["s3://AKIAKEY:hunter2@bucket/mode", "s3://AKIAKEY:hun/ter2@bucket", "gs://:hunter2@b/c"]
)
def test_credentials_in_a_url_are_refused_and_not_shown(location):
    with pytest.raises(ConfigurationError, match="has credentials in it") as refused:
        staging_path(location)
    with pytest.raises(ConfigurationError, match="must be an absolute path") as of_option:
        read_location("output_dir", location)
    for text in (str(refused.value), str(of_option.value)):
        assert "hunter2" not in text
        assert "AKIAKEY" not in text


@pytest.mark.parametrize("location", ["s3://conn@bucket/a:b@c", "hdfs://host:8020/a@b", "/srv/a:b@c"])
def test_what_has_no_credentials_is_shown_whole(location):
    assert without_credentials(location) == location
