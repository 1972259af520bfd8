"""Runs inside a pair's environment, on the installed wheel: what its Airflow says of the provider.

Prints one JSON list of faults, each a sentence. Not importable without Airflow.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

NAME = "mode-catalog-provider"


def faults_of_the_provider() -> list[str]:
    """What Airflow's own list of providers has must be what the package declares."""
    import airflow
    import jsonschema
    from airflow.providers_manager import ProvidersManager

    import mode_catalog_provider
    from mode_catalog_provider.get_provider_info import get_provider_info

    faults = []
    home = Path(mode_catalog_provider.__file__)
    if "site-packages" not in home.parts:
        faults.append(f"The package is that of {home}, not the wheel's.")
    info = get_provider_info()
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    faults += [
        f"Provider info: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(info)
    ]
    manager = ProvidersManager()
    known = manager.providers.get(NAME)
    if known is None:
        return [*faults, "Airflow does not list the provider."]
    if known.version != version(NAME):
        faults.append(f"Airflow lists version {known.version}, installed is {version(NAME)}.")
    for declared in info["connection-types"]:
        kind = declared["connection-type"]
        hook = manager.hooks.get(kind)
        if hook is None or hook.hook_class_name != declared["hook-class-name"]:
            faults.append(f"Airflow has no hook for connection type {kind}.")
    links = set(manager.extra_links_class_names)
    faults += [f"Airflow does not list link {link}." for link in info["extra-links"] if link not in links]
    configs = dict(manager.provider_configs).get(NAME) or {}
    if configs.get("mode_catalog", {}).get("options") != info["config"]["mode_catalog"]["options"]:
        faults.append("Airflow does not list the options of section mode_catalog.")
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in info[kind]:
            for module in entry["python-modules"]:
                importlib.import_module(module)
    return faults


def faults_of_the_plugin() -> list[str]:
    """The page is a plugin, by its own entry point."""
    from airflow import plugins_manager

    if hasattr(plugins_manager, "get_plugin_info"):
        plugins = plugins_manager.get_plugin_info()
        if any(plugin["name"] == "mode_catalog" for plugin in plugins):
            return []
    return ["Airflow does not list plugin mode_catalog."]


def faults_of_the_forms() -> list[str]:
    """The connection forms have their fields in Airflow's UI."""
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    shown = {hook.connection_type: hook for hook in HookMetaService.hook_meta_data()}
    if not any(hook.extra_fields for hook in shown.values()):
        return []  # Airflow 3.1.0 shows the fields of no provider, unless flask-appbuilder is there
    return [
        f"The form of connection type {kind} lacks field {field}."
        for kind, field in (("mode", "workspace"), ("coalesce_catalog", "source_id"))
        if kind not in shown or field not in (shown[kind].extra_fields or {})
    ]


def faults_of_the_dags() -> list[str]:
    """The ready DAGs, as they lie in the wheel, are read without an error or a warning of their own."""
    import mode_catalog_provider

    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models.dagbag import DagBag
    folder = Path(mode_catalog_provider.__file__).parent / "example_dags"
    bag = DagBag(dag_folder=str(folder))
    faults = [f"{path}: {error}" for path, error in bag.import_errors.items()]
    if len(bag.dags) < 5:
        faults.append(f"Only these DAGs were found: {', '.join(sorted(bag.dags))}.")
    return faults


def main() -> None:
    import os

    os.chdir(tempfile.gettempdir())  # the repository must not stand in for the wheel
    sys.path = [entry for entry in sys.path if entry not in ("", str(Path(__file__).parent))]
    looks = {
        # The forms first: Airflow 3.1 reads hooks once, and only its server gives them stand-ins for wtforms.
        "provider": (faults_of_the_forms, faults_of_the_provider, faults_of_the_plugin),
        "dags": (faults_of_the_dags,),
    }
    told: list[dict[str, str]] = []
    for look in looks[sys.argv[1]]:
        try:
            faults = look()
        except Exception as error:  # whatever it is, it is a fault of this pair
            faults = [f"{look.__name__}: {type(error).__name__}: {error}"]
        told.append({"what": look.__name__, "faults": "\n".join(faults)})
    print("\n" + json.dumps(told))


if __name__ == "__main__":
    main()
