from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import airflow
import jsonschema
import pytest
from airflow.sdk import BaseHook, BaseOperator, BaseOperatorLink
from airflow.triggers.base import BaseTrigger

import mode_catalog_provider
from mode_catalog_provider.get_provider_info import UUID_PATTERN, get_provider_info
from tests.airflow_versions import needs_declared_forms

INFO = get_provider_info()
PACKAGE = Path(mode_catalog_provider.__file__).parent
KINDS = ("hooks", "operators", "sensors", "triggers")
BASES = {"hooks": BaseHook, "operators": BaseOperator, "sensors": BaseOperator, "triggers": BaseTrigger}


def named_modules(kind: str) -> list[str]:
    return [module for entry in INFO[kind] for module in entry["python-modules"]]


def load(path: str) -> object:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def public_classes(kind: str) -> set[type]:
    """Classes for users: those that no other public class of their kind builds on."""
    found = set()
    for module in pkgutil.iter_modules([str(PACKAGE / kind)]):
        loaded = importlib.import_module(f"mode_catalog_provider.{kind}.{module.name}")
        found |= {
            member
            for name, member in inspect.getmembers(loaded, inspect.isclass)
            if member.__module__ == loaded.__name__
            and issubclass(member, BASES[kind])
            and not name.startswith("_")
        }
    return {cls for cls in found if not any(cls in other.__mro__[1:] for other in found)}


def test_airflows_own_schema_accepts_it():
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


def test_airflows_fuller_schema_accepts_the_connection_forms():
    path = Path(airflow.__file__).parent / "provider.yaml.schema.json"
    schema = json.loads(path.read_text())["properties"]["connection-types"]
    jsonschema.validate(INFO["connection-types"], schema)


@pytest.mark.parametrize("kind", KINDS)
def test_every_module_it_names_imports(kind):
    for module in named_modules(kind):
        importlib.import_module(module)


@pytest.mark.parametrize("kind", KINDS)
def test_every_public_class_lives_in_a_module_it_names(kind):
    unnamed = {cls for cls in public_classes(kind) if cls.__module__ not in named_modules(kind)}
    assert {cls.__name__ for cls in unnamed} == set()


@pytest.mark.parametrize("kind", KINDS)
def test_every_module_it_names_has_a_public_class(kind):
    assert set(named_modules(kind)) == {cls.__module__ for cls in public_classes(kind)}


def test_it_names_every_link_that_an_operator_carries():
    carried = {
        f"{type(link).__module__}.{type(link).__name__}"
        for kind in ("operators", "sensors")
        for cls in public_classes(kind)
        for link in cls.operator_extra_links
    }
    assert carried == set(INFO["extra-links"])
    assert all(issubclass(load(path), BaseOperatorLink) for path in INFO["extra-links"])


@pytest.mark.parametrize(
    "declared", INFO["connection-types"], ids=lambda declared: declared["connection-type"]
)
def test_a_connection_type_agrees_with_its_hook(declared):
    hook = load(declared["hook-class-name"])
    assert hook.conn_type == declared["connection-type"]
    assert hook.hook_name == declared["hook-name"]
    assert next(iter(inspect.signature(hook).parameters)) == hook.conn_name_attr
    assert hook(hook.default_conn_name).__dict__[hook.conn_name_attr] == hook.default_conn_name


@pytest.mark.parametrize("declared", INFO["connection-types"], ids=lambda one: one["connection-type"])
def test_airflow_3_1_finds_the_forms_methods_in_the_hook_itself(declared):
    """It looks into the class only, not into what that inherits from; the fields would be missing."""
    own = vars(load(declared["hook-class-name"]))
    for name in ("get_connection_form_widgets", "get_ui_field_behaviour"):
        assert isinstance(own.get(name), classmethod), name


def test_every_class_has_its_integration():
    known = {integration["integration-name"] for integration in INFO["integrations"]}
    assert {entry["integration-name"] for kind in KINDS for entry in INFO[kind]} <= known


def test_every_form_field_has_a_label_and_a_help_text():
    for declared in INFO["connection-types"]:
        for field in declared["conn-fields"].values():
            assert field["label"]
            assert field["description"].endswith(".")


def test_the_forms_offer_the_zones_and_hide_the_read_only_token():
    fields = INFO["connection-types"][1]["conn-fields"]
    assert fields["zone"]["schema"]["enum"] == ["EU", "US"]
    assert fields["read_token"]["schema"]["format"] == "password"


def test_the_pattern_takes_a_uuid_and_nothing_else():
    assert re.match(UUID_PATTERN, "0a1B2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d")
    for wrong in ("0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4d", "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4", "acme"):
        assert not re.match(UUID_PATTERN, wrong)


def test_every_default_is_a_text():
    options = INFO["config"]["mode_catalog"]["options"]
    assert all(isinstance(option["default"], str) for option in options.values())


def test_reading_it_imports_nothing_of_airflow():
    script = (
        "import sys; from mode_catalog_provider.get_provider_info import get_provider_info\n"
        "get_provider_info()\n"
        "print([name for name in sys.modules if name.startswith(('airflow', 'requests'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@needs_declared_forms
def test_airflow_shows_the_forms():
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    shown = {form.connection_type: form for form in HookMetaService.hook_meta_data()}
    mode, catalog = shown["mode"], shown["coalesce_catalog"]
    assert (mode.hook_name, catalog.hook_name) == ("Mode", "Coalesce Catalog")
    assert mode.standard_fields.login.title == "API token"
    assert mode.standard_fields.url_schema.hidden
    assert mode.extra_fields["workspace"]["description"].startswith("Required. Name of the workspace")
    assert catalog.extra_fields["zone"]["schema"]["enum"] == ["EU", "US"]
    assert catalog.extra_fields["read_token"]["schema"]["format"] == "password"
