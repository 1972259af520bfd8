"""The part of Catalog's schema that readers of sources, dashboards and lineages need, and its validation."""

from __future__ import annotations

from typing import Any

from tests.sandbox.graphql_syntax import EnumValue, Field, Operation, Variable

PAGINATION = "<the pagination input>"

_SOURCE = {
    "id": "ID!", "name": "String!", "slug": "String!", "origin": "SourceOrigin!",
    "technology": "SourceTechnology!", "type": "SourceType!", "createdAt": "Timestamp!",
    "updatedAt": "Timestamp!", "deletedAt": "Timestamp",
    "lastRefreshedAt": "Timestamp",
}  # fmt: skip
_DASHBOARD = {
    "id": "ID!", "externalId": "String!", "externalSlug": "String", "name": "String!", "slug": "String!",
    "type": "DashboardType!", "folderPath": "String!", "folderUrl": "String", "url": "String!",
    "popularity": "Float", "sourceId": "ID!", "createdAt": "Timestamp!", "updatedAt": "Timestamp!",
    "deletedAt": "Timestamp", "isDeprecated": "Boolean", "isVerified": "Boolean", "source": "Source!",
}  # fmt: skip
_DATABASE = {
    "id": "ID!", "name": "String!", "externalId": "String", "sourceId": "ID!", "isHidden": "Boolean",
    "createdAt": "Timestamp!", "updatedAt": "Timestamp!", "deletedAt": "Timestamp",
}  # fmt: skip
_SCHEMA = {
    "id": "ID!", "name": "String!", "externalId": "String", "databaseId": "ID!", "isHidden": "Boolean",
    "createdAt": "Timestamp!", "updatedAt": "Timestamp!", "deletedAt": "Timestamp",
}  # fmt: skip
_TABLE = {
    "id": "ID!", "name": "String!", "externalId": "String", "schemaId": "ID!", "tableType": "String",
    "url": "String", "createdAt": "Timestamp!", "updatedAt": "Timestamp!", "deletedAt": "Timestamp",
}  # fmt: skip
_LINEAGE = {
    "id": "ID!", "lineageType": "LineageType!", "parentTableId": "ID", "childTableId": "ID",
    "parentDashboardId": "ID", "childDashboardId": "ID", "createdAt": "Timestamp", "refreshedAt": "Timestamp",
}  # fmt: skip


def _page_of(row: str) -> dict[str, str]:
    return {"nbPerPage": "Int!", "page": "Int", "totalCount": "Int!", "data": f"[{row}!]!"}


OBJECTS: dict[str, dict[str, str]] = {
    "Source": _SOURCE,
    "Dashboard": _DASHBOARD,
    "Lineage": _LINEAGE,
    "GetSourcesOutput": _page_of("Source"),
    "GetDashboardsOutput": _page_of("Dashboard"),
    "GetLineagesOutput": _page_of("Lineage"),
    "Database": _DATABASE,
    "Schema": _SCHEMA,
    "Table": _TABLE,
    "GetDatabasesOutput": _page_of("Database"),
    "GetSchemasOutput": _page_of("Schema"),
    "GetTablesOutput": _page_of("Table"),
    "Query": {
        "getSources": "GetSourcesOutput!",
        "getDashboards": "GetDashboardsOutput!",
        "getLineages": "GetLineagesOutput!",
        "getDatabases": "GetDatabasesOutput!",
        "getSchemas": "GetSchemasOutput!",
        "getTables": "GetTablesOutput!",
    },
}
ARGUMENTS: dict[str, dict[str, str]] = {
    "getSources": {"pagination": PAGINATION, "scope": "GetSourcesScope"},
    "getDashboards": {
        "pagination": PAGINATION,
        "scope": "GetDashboardsScope",
        "sorting": "[GetDashboardsSorting!]",
    },
    "getLineages": {
        "pagination": PAGINATION,
        "scope": "GetLineagesScope",
        "sorting": "[GetLineagesSorting!]",
    },
    "getDatabases": {"pagination": PAGINATION, "scope": "GetDatabasesScope"},
    "getSchemas": {"pagination": PAGINATION, "scope": "GetSchemasScope"},
    "getTables": {"pagination": PAGINATION, "scope": "GetTablesScope"},
}
INPUTS: dict[str, dict[str, str]] = {
    PAGINATION: {"nbPerPage": "Int!", "page": "Int"},
    "GetSourcesScope": {
        "nameContains": "String", "origin": "SourceOrigin", "technology": "SourceTechnology",
        "type": "SourceType", "withDeleted": "Boolean",
    },
    "GetDashboardsScope": {
        "folderPath": "String", "ids": "[String!]", "nameContains": "String", "sourceId": "String",
        "withDeleted": "Boolean",
    },
    "GetLineagesScope": {
        "parentSourceId": "String", "childSourceId": "String", "parentTableId": "String",
        "childTableId": "String", "parentDashboardId": "String", "childDashboardId": "String",
        "lineageIds": "[String!]",
        "lineageType": "LineageType", "withChildAssetType": "LineageAssetType", "withDeleted": "Boolean",
        "withHidden": "Boolean",
    },
    "GetDatabasesScope": {
        "nameContains": "String", "sourceIds": "[String!]", "withDeleted": "Boolean", "withHidden": "Boolean",
    },
    "GetSchemasScope": {
        "databaseIds": "[String!]", "sourceIds": "[String!]", "nameContains": "String",
        "withDeleted": "Boolean", "withHidden": "Boolean",
    },
    "GetTablesScope": {
        "databaseId": "String", "ids": "[String!]", "nameContains": "String", "pathContains": "String",
        "schemaId": "String", "warehouseId": "String", "withDeleted": "Boolean", "withHidden": "Boolean",
    },
    "GetDashboardsSorting": {"sortingKey": "String", "direction": "String"},
    "GetLineagesSorting": {"sortingKey": "String", "direction": "String"},
}  # fmt: skip
ENUMS: dict[str, set[str] | None] = {
    "SourceOrigin": {"API", "EXTRACTION"},
    "SourceType": {"COMMUNICATION", "KNOWLEDGE", "QUALITY", "TRANSFORMATION", "VISUALIZATION", "WAREHOUSE"},
    "SourceTechnology": None,
    "DashboardType": {"DASHBOARD", "TILE", "VIZ_MODEL"},
    "LineageType": {"AUTOMATIC", "MANUAL_CUSTOMER", "MANUAL_OPS", "OTHER_TECHNOS"},
    "LineageAssetType": {"COLUMN", "DASHBOARD", "DASHBOARD_FIELD", "TABLE"},
}
_SCALARS: dict[str, type | tuple[type, ...]] = {
    "Int": int, "Float": (int, float), "String": str, "ID": (str, int), "Boolean": bool,
}  # fmt: skip


class Validation:
    """Checks one operation with its variables the way a GraphQL server does; collects every error.

    :param pagination_type: the name the pagination input goes by today.
    """

    def __init__(self, operation: Operation, variables: dict[str, Any], *, pagination_type: str) -> None:
        self._operation = operation
        self._variables = variables
        self._pagination_type = pagination_type
        self._used: set[str] = set()
        self.errors: list[str] = []

    def check(self) -> list[str]:
        self._check_variables()
        if self._operation.kind == "mutation":
            self.errors.append("AuthorizationError: mutations are not offered here")
            return self.errors
        self._check_selection(self._operation.selection, "Query")
        for name in self._operation.variables.keys() - self._used:
            self.errors.append(f'Variable "${name}" is never used.')
        return self.errors

    def value_of(self, value: Any) -> Any:
        """An argument with variables filled in and enum words as plain strings."""
        if isinstance(value, Variable):
            definition = self._operation.variables[value.name]
            return self._variables.get(value.name, self.value_of(definition.default))
        if isinstance(value, EnumValue):
            return value.name
        if isinstance(value, dict):
            return {key: self.value_of(entry) for key, entry in value.items()}
        return [self.value_of(entry) for entry in value] if isinstance(value, list) else value

    # -- variables -----------------------------------------------------------------------------------------

    def _known_input(self, name: str) -> str | None:
        """The name the schema goes by internally, ``None`` when there is no such input type."""
        if name == self._pagination_type:
            return PAGINATION
        return name if name in INPUTS or name in ENUMS or name in _SCALARS else None

    def _shown(self, name: str) -> str:
        return name.replace(PAGINATION, self._pagination_type)

    def _check_variables(self) -> None:
        for definition in self._operation.variables.values():
            bare = definition.type.strip("[]!")
            known = self._known_input(bare)
            if known is None:
                self.errors.append(f'Unknown type "{bare}".')
                continue
            given = self._variables.get(definition.name, definition.default)
            if given is None and definition.type.endswith("!"):
                self.errors.append(
                    f'Variable "${definition.name}" of required type "{definition.type}" was not provided.'
                )
            elif given is not None:
                self._check_value(
                    given, definition.type.replace(bare, known), f"${definition.name}", literal=False
                )

    # -- selections ----------------------------------------------------------------------------------------

    def _check_selection(self, selection: list[Field], type_name: str) -> None:
        for field in selection:
            if field.name == "__typename":
                continue
            field_type = OBJECTS[type_name].get(field.name)
            if field_type is None:
                self.errors.append(f'Cannot query field "{field.name}" on type "{type_name}".')
                continue
            self._check_arguments(field, ARGUMENTS.get(field.name, {}) if type_name == "Query" else {})
            below = field_type.strip("[]!")
            if below not in OBJECTS:
                if field.selection is not None:
                    self.errors.append(
                        f'Field "{field.name}" must not have a selection since it is a scalar.'
                    )
            elif field.selection is None:
                self.errors.append(
                    f'Field "{field.name}" of type "{field_type}" must have a selection of subfields.'
                )
            else:
                self._check_selection(field.selection, below)

    def _check_arguments(self, field: Field, known: dict[str, str]) -> None:
        for name, value in field.arguments.items():
            if name not in known:
                self.errors.append(f'Unknown argument "{name}" on field "{field.name}".')
            else:
                self._check_value(value, known[name], name, literal=True)

    # -- values --------------------------------------------------------------------------------------------

    def _check_value(self, value: Any, wanted: str, where: str, *, literal: bool) -> None:
        if isinstance(value, Variable):
            self._check_variable_use(value, wanted)
            return
        required, bare = wanted.endswith("!"), wanted.removesuffix("!")
        if value is None:
            if required:
                self.errors.append(f'Expected value of type "{self._shown(wanted)}", found null ({where}).')
        elif bare.startswith("["):
            for item in value if isinstance(value, list) else [value]:
                self._check_value(item, bare[1:-1], where, literal=literal)
        elif bare in INPUTS:
            self._check_input(value, bare, where, literal=literal)
        elif not self._fits(value, bare, literal=literal):
            shown = value.name if isinstance(value, EnumValue) else repr(value)
            self.errors.append(f'Expected value of type "{wanted}", found {shown} ({where}).')

    def _check_input(self, value: Any, name: str, where: str, *, literal: bool) -> None:
        if not isinstance(value, dict):
            self.errors.append(f'Expected value of type "{self._shown(name)}" to be an object ({where}).')
            return
        for key, entry in value.items():
            if key not in INPUTS[name]:
                self.errors.append(f'Field "{key}" is not defined by type "{self._shown(name)}".')
            else:
                self._check_value(entry, INPUTS[name][key], f"{where}.{key}", literal=literal)
        for key, wanted in INPUTS[name].items():
            if wanted.endswith("!") and key not in value:
                self.errors.append(
                    f'Field "{self._shown(name)}.{key}" of required type "{wanted}" was not provided.'
                )

    def _check_variable_use(self, variable: Variable, wanted: str) -> None:
        definition = self._operation.variables.get(variable.name)
        if definition is None:
            self.errors.append(f'Variable "${variable.name}" is not defined.')
            return
        self._used.add(variable.name)
        declared = definition.type.replace(self._pagination_type, PAGINATION)
        stands_in = f"{declared}!" if definition.has_default and not declared.endswith("!") else declared
        if wanted not in (declared, declared.removesuffix("!"), stands_in):
            self.errors.append(
                f'Variable "${variable.name}" of type "{definition.type}" used in position expecting type'
                f' "{self._shown(wanted)}".'
            )

    def _fits(self, value: Any, name: str, *, literal: bool) -> bool:
        if name in ENUMS:
            word = value.name if isinstance(value, EnumValue) else None if literal else value
            allowed = ENUMS[name]
            return isinstance(word, str) and (allowed is None or word in allowed)
        if isinstance(value, bool):
            return name == "Boolean"
        return isinstance(value, _SCALARS[name])
