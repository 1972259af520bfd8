"""What is wrong with a lineage event, by the classes that OpenLineage makes of its published JSON schemas.

Each class of ``openlineage.client.generated`` says of which schema, in which version, it was made. An event,
as it came over the wire, is compared with them: what must be there, of which type, down to each facet by its
``_schemaURL``. More than the schema knows is allowed, as it is there.
"""

from __future__ import annotations

import importlib
import pkgutil
import types
import typing
import uuid
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Any

import attr
import openlineage.client.generated as generated
from openlineage.client.generated.base import BaseFacet, RunEvent

_PLAIN: dict[Any, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}


def _classes() -> Iterator[type]:
    for module in pkgutil.iter_modules(generated.__path__):
        for value in vars(importlib.import_module(f"{generated.__name__}.{module.name}")).values():
            if isinstance(value, type) and attr.has(value) and hasattr(value, "_get_schema"):
                yield value


BY_SCHEMA = {made._get_schema(): made for made in _classes()}


def faults_of(event: dict[str, Any]) -> list[str]:
    """Return a sentence for each fault, none for a good event."""
    faults = [*_faults(event, RunEvent, "event")]
    if not faults:
        if event["schemaURL"] not in BY_SCHEMA:
            faults.append(f"the schema {event['schemaURL']} is not published")
        uuid.UUID(event["run"]["runId"])
        assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    return faults


def _faults(value: Any, wanted: Any, at: str) -> Iterator[str]:
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is Any or isinstance(wanted, typing.TypeVar):
        return
    if origin in (typing.Union, types.UnionType):
        rest = [one for one in arguments if one is not type(None)]
        if value is None and len(rest) < len(arguments):
            return
        if len(rest) == 1:
            yield from _faults(value, rest[0], at)
        elif all([*_faults(value, one, at)] for one in rest):
            yield f"{at} is {value!r}, none of {rest}"
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{at} is {value!r}, not one of {arguments}"
    elif origin is list:
        if not isinstance(value, list):
            yield f"{at} is no list"
            return
        for number, one in enumerate(value):
            yield from _faults(one, arguments[0], f"{at}[{number}]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{at} is no object"
            return
        for key, one in value.items():
            yield from _faults(one, arguments[1], f"{at}.{key}")
    elif isinstance(wanted, type) and issubclass(wanted, Enum):
        if value not in [one.value for one in wanted]:
            yield f"{at} is {value!r}, not one of {list(wanted)}"
    elif attr.has(wanted):
        yield from _faults_of_object(value, wanted, at)
    elif not isinstance(value, _PLAIN[wanted]) or (isinstance(value, bool) and wanted is not bool):
        yield f"{at} is {value!r}, not {wanted.__name__}"


def _faults_of_object(value: Any, wanted: type, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at} is no object"
        return
    if issubclass(wanted, BaseFacet):
        schema = value.get("_schemaURL")
        if schema not in BY_SCHEMA:
            yield f"the schema of {at}, {schema}, is not published"
            return
        made = BY_SCHEMA[schema]
        if not issubclass(made, wanted):
            yield f"{at} is a {made.__name__}, which belongs elsewhere"
        wanted = made
    hints = typing.get_type_hints(wanted)
    for field in attr.fields(wanted):
        if field.name in value:
            yield from _faults(value[field.name], hints[field.name], f"{at}.{field.name}")
        elif field.default is attr.NOTHING:
            yield f"{at}.{field.name} is missing"
