from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.moments import in_words, parsed, point_in_time, spoken, stamp

MOMENTS = st.datetimes(
    min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
).map(lambda value: value.replace(microsecond=0))


@given(MOMENTS)
def test_a_moment_is_the_same_in_every_form(value: datetime) -> None:
    forms = [value, value.isoformat(), str(value), value.timestamp(), str(int(value.timestamp()))]
    forms.append(value.astimezone(timezone(timedelta(hours=-5))).isoformat())
    assert {point_in_time("ingested_after", form) for form in forms} == {value}


def test_a_moment_without_zone_is_utc() -> None:
    assert point_in_time("ingested_after", "2026-11-20 05:30") == datetime(2026, 11, 20, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "", " ", "None"])
def test_no_moment_is_none(value: str | None) -> None:
    assert point_in_time("ingested_after", value) is None


@pytest.mark.parametrize("value", ["yesterday", "9" * 30, "2026-13-01", "nan"])
def test_what_is_no_moment_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="ingested_after="):
        point_in_time("ingested_after", value)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-20 05:30 Europe/Berlin", datetime(2026, 7, 20, 3, 30, tzinfo=UTC)),
        ("2026-01-20T05:30 America/Argentina/Buenos_Aires", datetime(2026, 1, 20, 8, 30, tzinfo=UTC)),
    ],
)
def test_a_zone_may_be_named(text: str, moment: datetime) -> None:
    assert point_in_time("ingested_after", text) == moment


@pytest.mark.parametrize("value", ["2026-07-20 05:30 Europe/Atlantis", "2026-07-20T05:30Z Europe/Berlin"])
def test_a_zone_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="ingested_after="):
        point_in_time("ingested_after", value)


def test_what_a_service_writes_without_zone_is_utc() -> None:
    assert (
        parsed("2026-11-20T05:30:00")
        == parsed("2026-11-20T06:30:00+01:00")
        == datetime(2026, 11, 20, 5, 30, tzinfo=UTC)
    )


@pytest.mark.parametrize("value", [None, 5, "", "soon", "0001-01-01T00:00:00+14:00", ["2026-11-20"]])
def test_what_is_no_time_is_read_as_none(value: object) -> None:
    assert parsed(value) is None


def test_a_moment_is_told_in_utc() -> None:
    moment = datetime(2026, 11, 20, 1, 30, tzinfo=timezone(timedelta(hours=-4)))
    assert spoken(moment) == spoken(moment.timestamp()) == "2026-11-20 05:30:00 UTC"
    assert stamp(moment) == stamp(moment.timestamp()) == "2026-11-20T05:30:00+00:00"


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (0.2, "0 seconds"),
        (timedelta(seconds=-5), "0 seconds"),
        (80, "1 minute 20 seconds"),
        (timedelta(hours=3, minutes=5, seconds=59), "3 hours 6 minutes"),
        (timedelta(days=3, hours=5, minutes=10), "3 days 5 hours"),
    ],
)
def test_a_duration_is_told_no_finer_than_people_would(duration: timedelta | float, words: str) -> None:
    assert in_words(duration) == words


def test_a_time_is_written_and_read_without_loading_pendulum() -> None:
    program = (
        "import sys; from mode_catalog_provider import moments; "
        "moments.spoken(0); moments.parsed('2026-11-20'); moments.point_in_time('x', '2026-11-20'); "
        "sys.exit('pendulum' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
