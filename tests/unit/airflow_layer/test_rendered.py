from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.tasks.rendered import (
    rendered_count,
    rendered_days,
    rendered_mapping,
    rendered_number,
    rendered_truth,
    rendered_words,
)

WORDS = st.lists(st.text(min_size=1).map(str.strip).filter(bool))


@pytest.mark.parametrize("value", [True, "True", " true ", "1", "yes", "on"])
def test_a_true_switch_is_true_in_every_spelling(value):
    assert rendered_truth("dry_run", value) is True


@pytest.mark.parametrize("value", [False, None, "False", "", "None", "0", "no", "off"])
def test_a_false_switch_is_false_in_every_spelling(value):
    assert rendered_truth("dry_run", value) is False


def test_a_switch_of_neither_is_refused_by_name():
    with pytest.raises(ConfigurationError, match="dry_run='maybe'"):
        rendered_truth("dry_run", "maybe")


@given(WORDS)
def test_a_list_that_jinja_rendered_as_text_is_the_list_again(words):
    assert rendered_words("reports", str(words)) == rendered_words("reports", words) == tuple(words)


@pytest.mark.parametrize("text", ["a,b", "a\nb", " a , b ,", "a\n\nb\n", '["a", "b"]', "('a', 'b')"])
def test_words_may_be_written_in_any_common_way(text):
    assert rendered_words("reports", text) == ("a", "b")


@pytest.mark.parametrize("value", [None, "", "None", [], "[]", [" "]])
def test_nothing_is_no_words(value):
    assert rendered_words("reports", value) == ()


@pytest.mark.parametrize("value", [[1, 2], "[1, 2]", [None]])
def test_a_list_of_anything_but_texts_is_refused(value):
    with pytest.raises(ConfigurationError, match="reports="):
        rendered_words("reports", value)


def test_a_name_in_brackets_is_a_name():
    assert rendered_words("include_collections", "[Finance] Reports") == ("[Finance] Reports",)


JSON_VALUES = st.none() | st.booleans() | st.integers() | st.text()


@given(st.dictionaries(st.text(), JSON_VALUES))
def test_a_mapping_that_jinja_rendered_as_text_is_the_mapping_again(mapping):
    assert rendered_mapping("lease", str(mapping)) == mapping


@pytest.mark.parametrize("value", [None, "", "None"])
def test_no_mapping_is_none(value):
    assert rendered_mapping("lease", value) is None


@pytest.mark.parametrize("value", ["/some/path", "[1]", 5])
def test_what_is_no_mapping_is_refused_without_being_shown(value):
    with pytest.raises(ConfigurationError, match=r"^lease is neither a mapping nor the text of one\.$"):
        rendered_mapping("lease", value)


def test_numbers_may_be_texts():
    assert rendered_number("max_shrink", "0.3") == rendered_number("max_shrink", 0.3) == 0.3
    with pytest.raises(ConfigurationError, match="max_shrink='much'"):
        rendered_number("max_shrink", "much")


@pytest.mark.parametrize("value", ["nan", "inf", float("nan"), -float("inf"), 10**400, True, None, "", [3]])
def test_what_is_no_number_is_refused_by_its_name(value):
    with pytest.raises(ConfigurationError, match="max_shrink="):
        rendered_number("max_shrink", value)


@pytest.mark.parametrize("value", ["2.7", 2.7, -1, "-1", "nan", 10**400, True])
def test_what_is_no_whole_number_is_refused_by_its_name(value):
    with pytest.raises(ConfigurationError, match="keep="):
        rendered_count("keep", value)
    assert rendered_count("keep", "3") == rendered_count("keep", 3.0) == 3


@pytest.mark.parametrize("value", [timedelta(days=1.5), 1.5, "1.5"])
def test_a_length_of_time_may_be_a_number_of_days(value):
    assert rendered_days("full_refresh_after", value) == timedelta(hours=36)


@pytest.mark.parametrize("value", ["a week", "nan", "1e300", None, -1, 40_000, timedelta.max, -timedelta(1)])
def test_what_is_no_number_of_days_is_refused_by_its_name(value):
    with pytest.raises(ConfigurationError, match="full_refresh_after"):
        rendered_days("full_refresh_after", value)


@pytest.mark.parametrize("value", [123456789012, [123456789012], (123456789012,)])
def test_a_token_of_digits_is_a_token_whatever_native_rendering_made_of_it(value):
    assert rendered_words("reports", value) == ("123456789012",)


@pytest.mark.parametrize("value", [1234567890e1, [2.5], [True], 7])
def test_any_other_number_is_refused_with_where_it_comes_from(value):
    with pytest.raises(ConfigurationError, match=r"reports=.*Native rendering"):
        rendered_words("reports", value)


@pytest.mark.parametrize("name", ["(2024)", "[2024]", "[draft] x", "(EMEA) Revenue", "[1.5]", "[None]"])
def test_a_name_in_brackets_is_a_name_even_if_python_could_read_it(name):
    assert rendered_words("reports", name) == (name,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"Revenue, EU",Board', ("Revenue, EU", "Board")),
        ('Board, "Revenue, EU"', ("Board", "Revenue, EU")),
        ('"a,b"\n"c,d"', ("a,b", "c,d")),
        ('"say ""hi"", twice",x', ('say "hi", twice', "x")),
        ('15" screens,x', ('15" screens', "x")),
        ('"Top" reports,x', ('"Top" reports', "x")),
        ('"open,x', ('"open', "x")),
        ('""', ('""',)),
        (",,\n,", ()),
    ],
)
def test_a_name_in_quotes_may_hold_commas(text, words):
    assert rendered_words("reports", text) == words
