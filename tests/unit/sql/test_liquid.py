from __future__ import annotations

import pytest

from mode_catalog_provider.sql.liquid import MOST_READINGS, UNKNOWN, readings


def words(text: str) -> list[str]:
    return [" ".join(one.split()) for one in readings(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select '{}'::jsonb", ["select '{}'::jsonb"]),
        ("{% form %}\nx:\n  type: text\n{% endform %} a", ["a"]),
        ("{%- FORM -%} x {%- ENDFORM -%} a", ["a"]),
        ("a {% comment %} b {{ c }} {% if d %} {% endcomment %} e", ["a e"]),
        ("{% raw %}{{ a }}{% endraw %}", ["{{ a }}"]),
        ("{{ a }}", [UNKNOWN]),
        ("{% assign a = 'x' %}{{ a }}", ["x"]),
        ("{% assign a = 'x' | append: '_y' | upcase %}{{ a }}", ["X_Y"]),
        ("{% assign a = b | default: 'c' %}{{ a }}", ["c"]),
        ("{% capture a %}x{{ b }}{% endcapture %}[{{ a }}]", [f"[x{UNKNOWN}]"]),
        ("{{ a }}{% form %}\na:\n  type: text\n  default: 'z'\n{% endform %}", ["z"]),
        ("{{ a }}{% form %}\na:\n  default: [x, y]\n{% endform %}", [UNKNOWN]),
        ("{% if a %}1{% else %}2{% endif %}", ["1", "2"]),
        ("{% if a %}1{% endif %}", ["1", ""]),
        ("{% unless a %}1{% endunless %}", ["1", ""]),
        ("{% case a %} - {% when 'x' %}1{% when 'y' %}2{% else %}3{% endcase %}", ["1", "2", "3"]),
        ("{% assign a = 'y' %}{% case a %}{% when 'x' %}1{% when 'y' %}2{% endcase %}", ["2"]),
        ("{% assign a = 'y' %}{% if a == 'y' %}1{% else %}2{% endif %}", ["1"]),
        ("{% assign a = 'y' %}{% unless a == 'y' %}1{% else %}2{% endunless %}", ["2"]),
        ("{% if a %}1{% if b %}2{% else %}3{% endif %}{% else %}4{% endif %}", ["12", "4", "13"]),
        ("{% for a in b %}{{ a }}{% unless forloop.last %},{% endunless %}{% endfor %}", [UNKNOWN]),
        ("{% for a in (1..3) %}{{ a }}{% unless forloop.last %},{% endunless %}{% endfor %}", ["1,2,3"]),
        ("{% for a in (1..2) %}{% if forloop.first %}<{% endif %}{{ a }}{% endfor %}", ["<12"]),
        ("{% assign t = 'a,b' | split: ',' %}{% for x in t %}{{ x }};{% endfor %}", ["a;b;"]),
        ("{{ @d as x }} {{@e}}", ["(SELECT 1) AS x (SELECT 1)"]),
        ("a {{ b", ["a {{ b"]),
        ("a {% if", ["a {% if"]),
        ("{% endif %}a{% else %}b{% endfor %}", ["ab"]),
        ("{% unknown_tag x %}a", ["a"]),
    ],
)
def test_a_text_stands_for(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_lines_stay_where_they_are() -> None:
    text = "{% form %}\nx:\n{% endform %}\n{% comment %}\n{% endcomment %}select\n{{ a\n}}\nfrom"
    (reading,) = readings(text)
    assert reading.split("\n").index("from") == text.split("\n").index("from")


def test_every_branch_is_seen_though_many_conditions_follow_each_other() -> None:
    text = "".join(f"{{% if x{n} %}}a{n} {{% else %}}b{n} {{% endif %}}" for n in range(100))
    seen = set(" ".join(words(text)).split())
    assert seen == {f"{letter}{n}" for letter in "ab" for n in range(100)}


def test_no_more_than_a_few_readings_are_given() -> None:
    text = "{% if a %}" * 100 + "{% else %}x{% endif %}" * 100
    assert len(words(text)) <= MOST_READINGS


@pytest.mark.parametrize(
    "piece", ["{{", "{%", "{{ '", "{% if a %}", "{% form %}", "{% comment %}{%   ", "}}", "{{x}}"]
)
def test_the_cost_grows_with_the_length_only(piece: str) -> None:
    # Its square would be minutes, and pytest's own limit ends them.
    text = piece * (200_000 // len(piece))
    assert sum(len(one) for one in readings(text)) <= 6 * len(UNKNOWN) * len(text)
