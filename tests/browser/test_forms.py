"""The forms that this package declares, as Airflow draws them: trigger a run, make a connection."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, expect

from mode_catalog_provider.get_provider_info import get_provider_info
from tests.browser.conftest import SYNC
from tests.browser.visitor import SCREENS, Visitor

pytestmark = pytest.mark.timeout(1200)


def trigger_form(visitor: Visitor, screen: str = "desk") -> Locator:
    page = visitor.open(f"/dags/{SYNC}", screen=screen)
    page.get_by_role("button", name="Trigger").first.click()
    return page.get_by_role("dialog").filter(visible=True, has_text="Trigger Dag")


def connection_form(visitor: Visitor, kind: str, screen: str = "desk") -> Locator:
    page = visitor.open("/connections", screen=screen)
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog").filter(visible=True, has_text="Add Connection")
    form.get_by_role("combobox").click()
    page.get_by_role("option", name=kind, exact=True).click()
    return form


def unfold(form: Locator, section: str) -> None:
    """Open a section; Airflow closes the one that was open."""
    button = form.get_by_role("button", name=section, exact=True)
    if button.get_attribute("aria-expanded") != "true":
        button.click()
    expect(button).to_have_attribute("aria-expanded", "true")


@pytest.mark.parametrize("screen", SCREENS)
def test_the_trigger_form_shows_each_field_with_what_it_means(visitor: Visitor, screen: str) -> None:
    sections: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for param in visitor.airflow.api("GET", f"dags/{SYNC}/details")["params"].values():
        sections[param["schema"]["section"]].append(param["schema"])
    form = trigger_form(visitor, screen)
    for section, fields in sections.items():
        unfold(form, section)
        for field in fields:
            # Airflow puts a star behind what must not be empty.
            expect(form.get_by_text(re.compile(rf"^{field['title']}\s*\*?$"))).to_be_visible()
    if screen == "desk":
        visitor.page.set_viewport_size({"width": SCREENS["desk"][0], "height": 1400})
        unfold(form, next(iter(sections)))
        visitor.shot("trigger-form")
    visitor.refuse_trouble(accessible=False)
    assert sum(map(len, sections.values())) > 15


def test_a_number_out_of_range_becomes_the_nearest_that_is_allowed(visitor: Visitor) -> None:
    form = trigger_form(visitor)
    unfold(form, "Upload")
    keep = form.get_by_label("Snapshots to keep")
    keep.fill("5000")
    keep.blur()
    expect(keep).to_have_value("1000")


def test_a_wrong_value_is_refused_with_its_name_and_starts_no_run(visitor: Visitor) -> None:
    form = trigger_form(visitor)
    unfold(form, "Advanced Options")
    form.get_by_label("Run ID").fill("wrong")
    form.locator(".monaco-editor .view-lines").click()
    visitor.page.keyboard.press("ControlOrMeta+A")
    visitor.page.keyboard.insert_text('{"strategy": "fastest"}')
    # The editor closes quotes and braces by itself.
    visitor.page.keyboard.press("ControlOrMeta+Shift+End")
    visitor.page.keyboard.press("Delete")
    form.get_by_role("button", name="Trigger", exact=True).click()
    expect(visitor.page.get_by_text("'fastest' is not one of ['auto', 'rest', 'hybrid']")).to_be_visible()
    with pytest.raises(requests.HTTPError, match="404"):
        visitor.airflow.run_state(SYNC, "wrong")
    visitor.refuse_trouble(accessible=False)


CONNECTIONS = {one["hook-name"]: one for one in get_provider_info()["connection-types"]}
STANDARD = {"host": "Host", "login": "Login", "password": "Password", "schema": "Schema", "port": "Port"}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("kind", CONNECTIONS)
def test_the_connection_form_has_the_fields_of_the_service_and_no_other(
    visitor: Visitor, kind: str, screen: str
) -> None:
    declared = CONNECTIONS[kind]
    form = connection_form(visitor, kind, screen)
    unfold(form, "Standard Fields")
    behaviour = declared["ui-field-behaviour"]
    for field in STANDARD:
        shown = form.locator(f"[name={field}]")
        expect(shown).to_have_count(0 if field in behaviour["hidden-fields"] else 1)
        if field in behaviour["relabeling"]:
            expect(form.get_by_text(behaviour["relabeling"][field], exact=True)).to_be_visible()
            expect(shown).to_have_attribute("placeholder", behaviour["placeholders"][field])
    unfold(form, "Extra Fields")
    for field in declared["conn-fields"].values():
        expect(form.get_by_text(field["label"], exact=True)).to_be_visible()
    if screen == "desk":
        visitor.page.set_viewport_size({"width": SCREENS["desk"][0], "height": 1400})
        visitor.shot(f"connection-form-{declared['connection-type'].replace('_', '-')}")
    visitor.refuse_trouble(accessible=False)


def test_a_connection_made_in_the_form_is_the_one_that_the_hook_reads(visitor: Visitor) -> None:
    form = connection_form(visitor, "Mode")
    form.locator("[name=connection_id]").fill("mode_by_hand")
    unfold(form, "Standard Fields")
    for field, value in {"host": "https://app.mode.com", "login": "abc", "password": "not shown"}.items():
        form.locator(f"[name={field}]").fill(value)
    unfold(form, "Extra Fields")
    form.locator("[name=element_workspace]").fill("acme")
    form.get_by_role("button", name="Save").click()
    expect(visitor.page.get_by_text("mode_by_hand").first).to_be_visible()
    expect(form).to_be_hidden()
    saved = visitor.airflow.api("GET", "connections/mode_by_hand")
    assert (saved["conn_type"], saved["host"], saved["login"]) == ("mode", "https://app.mode.com", "abc")
    extra = json.loads(saved["extra"])
    assert (extra["workspace"], extra["timeout"], extra["verify"]) == ("acme", 60, True)
    assert "not shown" not in visitor.page.content()
    visitor.refuse_trouble(accessible=False)
