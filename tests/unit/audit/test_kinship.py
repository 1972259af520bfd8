"""How much two queries must share where most of their words are everybody's: figures of measured pairs."""

from __future__ import annotations

import pytest

from mode_catalog_provider.audit.kinship import _Read, _related


def read(shared, own, *, main, tables):
    """A query with so many groups that the other has as well, and so many of its own; its main part."""
    both_main, own_main = main
    groups = {*range(shared), *(hash((own, tables, number)) for number in range(own))}
    own_part = {hash((own, tables, number)) for number in range(own_main)}
    return _Read(frozenset(groups), frozenset({*range(both_main), *own_part}), frozenset(tables), len(groups))


@pytest.mark.parametrize(
    ("copy", "original"),
    [
        (read(10, 15, main=(7, 4), tables=(1, 2, 3)), read(10, 9, main=(7, 3), tables=(1, 2))),
        (read(20, 19, main=(4, 3), tables=(1, 2, 3)), read(20, 8, main=(4, 3), tables=(1, 2))),
    ],
)
def test_a_short_copy_with_a_new_join_stems_from_what_reads_the_other_tables(copy, original):
    share, sure = _related(copy, original)
    assert (share > 0.25, sure) == (True, True)


def test_less_in_common_counts_between_reports_of_like_names_only():
    copy = read(10, 18, main=(2, 4), tables=(1, 2, 3))
    original = read(10, 14, main=(2, 4), tables=(1, 2))
    share, sure = _related(copy, original)
    assert (share > 0.15, sure) == (True, False)


def test_the_same_words_about_other_tables_are_no_copy():
    copy, other = (
        read(10, 15, main=(7, 4), tables=(1, 2, 3)),
        read(10, 9, main=(7, 3), tables=(1, 7)),
    )
    assert _related(copy, other) == (0.0, False)
