"""One list of words for true and false."""

from __future__ import annotations

import pytest

from mode_catalog_provider.dags.settings import read_settings
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.hooks.connection_fields import ExtraFields
from mode_catalog_provider.tasks.rendered import rendered_truth
from mode_catalog_provider.truth import truth

YES = ["true", " TRUE\n", "t", "Yes", "y", "on", "ON ", "1", 1, True]
NO = ["false", " False ", "f", "no", "N", "off", "0", 0, False]
WORDS = [*((word, True) for word in YES), *((word, False) for word in NO)]


@pytest.mark.parametrize(("word", "meant"), WORDS)
def test_the_same_words_are_taken_in_connections_arguments_and_settings(
    word: object, meant: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__MODE_CATALOG__INCREMENTAL", str(word))
    monkeypatch.setenv("AIRFLOW__MODE_CATALOG__INCLUDE_ARCHIVED", str(word))
    assert (
        ExtraFields(conn_id="c", fields={"allow_http": word}).truth("allow_http", default=not meant) is meant
    )
    assert rendered_truth("incremental", word, default=not meant) is meant  # type: ignore[arg-type]
    assert read_settings().incremental is meant
    assert read_settings().include_archived is meant


@pytest.mark.parametrize("default", [True, False])
@pytest.mark.parametrize("nothing", ["", "  ", "\n", None])
def test_nothing_is_the_default_everywhere(nothing: str | None, default: bool) -> None:
    assert truth(nothing, default=default) is default
    assert rendered_truth("incremental", nothing, default=default) is default
    assert ExtraFields(conn_id="c", fields={"v": nothing}).truth("v", default=default) is default


def test_an_empty_setting_is_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__MODE_CATALOG__INCREMENTAL", "")
    monkeypatch.setenv("AIRFLOW__MODE_CATALOG__INCLUDE_ARCHIVED", " ")
    assert (read_settings().incremental, read_settings().include_archived) == (False, True)


@pytest.mark.parametrize("word", ["maybe", "2", "truefalse", "None?"])
def test_another_word_is_refused_with_the_words_there_are(word: str) -> None:
    with pytest.raises(ConfigurationError, match="yes, no, on, off"):
        rendered_truth("incremental", word)
