"""The settings of the ready DAGs: section ``[mode_catalog]`` of Airflow's configuration.

Read from ``airflow.cfg`` or ``AIRFLOW__MODE_CATALOG__...``, so that parsing a DAG touches no database. What
each option means, and its default, is written in :mod:`mode_catalog_provider.get_provider_info`.
"""

# A field of Settings names the reader of its option: these calls make no default.
# ruff: noqa: RUF009

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from mode_catalog_provider.dags import values
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.get_provider_info import CONFIG_SECTION, UUID_PATTERN, get_provider_info
from mode_catalog_provider.lock.lease import MAX_TTL
from mode_catalog_provider.tasks.compat import conf


def _checks() -> Iterable[str]:
    from mode_catalog_provider.audit.finding import CHECKS

    return CHECKS


def _rights_checks() -> Iterable[str]:
    from mode_catalog_provider.rights.findings import RIGHTS_CHECKS

    return (*RIGHTS_CHECKS, "lost")


def _read(reader: values.Reader, option: str | None = None) -> Any:
    """A field that takes the option of its name, or of the given one."""
    return field(metadata={"reader": reader, "option": option})


_ZERO = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What ``[mode_catalog]`` says, each value in the type it is used in; see the options of that section."""

    schedule: Any = _read(values.sync_schedule)
    timezone: str | None = _read(values.timezone)
    mode_conn_id: str = _read(values.connection_id)
    catalog_conn_id: str = _read(values.connection_id)
    source_id: str | None = _read(values.source_id)
    output_dir: str = _read(values.location)
    output_conn_id: str | None = _read(values.optional)
    lock_path: str = _read(values.location)
    lock_ttl: timedelta = _read(
        values.duration("minutes", above=timedelta(minutes=10), most=MAX_TTL), "lock_ttl_minutes"
    )
    lock_timeout: timedelta = _read(values.duration("hours", above=_ZERO), "lock_timeout_hours")
    warehouse_sources: tuple[str, ...] = _read(values.words)
    warehouse_max_age: timedelta = _read(values.duration("hours", above=_ZERO), "warehouse_max_age_hours")
    warehouse_timeout: timedelta = _read(values.duration("hours", above=_ZERO), "warehouse_timeout_hours")
    strategy: str = _read(values.one_of("auto", "rest", "hybrid"))
    incremental: bool = _read(values.switch)
    full_refresh_after: timedelta = _read(values.duration("days", above=_ZERO), "full_refresh_after_days")
    resume: bool = _read(values.switch)
    include_personal: bool = _read(values.switch)
    include_archived: bool = _read(values.switch)
    include_datasets: bool = _read(values.switch)
    members: str = _read(values.one_of("full", "lite"))
    definitions: str = _read(values.one_of("keep", "expand"))
    on_forbidden: str = _read(values.one_of("ignore", "warn", "fail"))
    on_covered: str = _read(values.one_of("skip", "run"))
    key_lifetime: timedelta = _read(values.duration("days"), "key_lifetime_days")
    key_warning: timedelta = _read(values.duration("days"), "key_warning_days")
    source_check: str = _read(values.one_of("warn", "require"))
    max_shrink: float = _read(values.number(0, 1))
    approve_shrink: str = _read(values.one_of("fail", "ask"))
    approval_timeout: timedelta = _read(values.duration("hours", above=_ZERO), "approval_timeout_hours")
    deadline: timedelta | None = _read(values.deadline, "deadline_hours")
    deadline_notifier: str = _read(values.text)
    deadline_arguments: Mapping[str, Any] = _read(values.mapping)
    keep_snapshots: int = _read(values.whole(0, 1000))
    reports: tuple[str, ...] = _read(values.words)
    datasets: tuple[str, ...] = _read(values.words)
    warehouse_asset: str = _read(values.text)
    refresh_collections: tuple[str, ...] = _read(values.words)
    refresh_data_sources: tuple[str, ...] = _read(values.words)
    refresh_max_runs: int = _read(values.whole(0, 1_000_000))
    refresh_timeout: timedelta = _read(
        values.duration("hours", above=_ZERO, most=timedelta(days=366)), "refresh_timeout_hours"
    )
    audit_schedule: Any = _read(values.schedule)
    audit_stale_after: timedelta = _read(
        values.duration("days", least=timedelta(days=1)), "audit_stale_after_days"
    )
    audit_name_pattern: str = _read(values.patterns)
    audit_version_pattern: str = _read(values.patterns)
    audit_canonical: tuple[str, ...] = _read(values.words)
    audit_index: tuple[str, ...] = _read(values.index_files)
    audit_schedules: bool = _read(values.switch)
    audit_ignore: tuple[str, ...] = _read(values.words)
    audit_fail_on: tuple[str, ...] = _read(values.some_of(_checks))
    permission_schedule: Any = _read(values.schedule)
    permission_most_admins: int = _read(values.whole(0, 1_000_000))
    permission_admins: tuple[str, ...] = _read(values.words)
    permission_groups: tuple[str, ...] = _read(values.words)
    permission_fail_on: tuple[str, ...] = _read(values.some_of(_rights_checks))
    keep_report: bool = _read(values.switch)
    page: bool = _read(values.switch)
    retries: int = _read(values.whole(0, 100))

    @property
    def warehouse_ids(self) -> tuple[str, ...]:
        """Those of ``warehouse_sources`` that are ids."""
        return tuple(source for source in self.warehouse_sources if re.match(UUID_PATTERN, source))

    @property
    def warehouse_names(self) -> tuple[str, ...]:
        """Those of ``warehouse_sources`` that are names."""
        return tuple(source for source in self.warehouse_sources if source not in self.warehouse_ids)

    def but(self, **overrides: Any) -> Self:
        """Return these settings with other values for some.

        :param overrides: names of options, such as ``warehouse_timeout_hours``, or of the attributes here,
            such as ``warehouse_timeout``; values as text, as in the configuration, or as what they mean. An
            empty ``lock_path`` is the folder ``.lock`` in ``output_dir``.
        :raises ConfigurationError: an option is not known, or its value makes no sense.
        """
        changed: dict[str, Any] = {}
        for name, value in overrides.items():
            attribute = _ATTRIBUTES.get(name)
            if attribute is None:
                near = difflib.get_close_matches(name, _ATTRIBUTES, n=1)
                meant = f" Did you mean {near[0]!r}?" if near else ""
                raise ConfigurationError(f"{name!r} is no option of [{CONFIG_SECTION}].{meant}")
            changed[attribute] = _READERS[attribute](name, value)
        if "output_dir" in changed:
            changed["output_dir"] = changed["output_dir"] or _default_output_dir()
            if self.lock_path == _default_lock_path(self.output_dir):
                changed.setdefault("lock_path", "")
        if changed.get("lock_path") == "":
            changed["lock_path"] = _default_lock_path(changed.get("output_dir", self.output_dir))
        return replace(self, **changed)


_READERS: dict[str, values.Reader] = {one.name: one.metadata["reader"] for one in fields(Settings)}
_OPTIONS: dict[str, str] = {one.name: one.metadata["option"] or one.name for one in fields(Settings)}
_ATTRIBUTES = {option: name for name, option in _OPTIONS.items()} | {name: name for name in _OPTIONS}


def read_settings() -> Settings:
    """Read the section as it is now; an option that is set to an empty text has its default.

    :raises ConfigurationError: when a value is not of its type, set or range; the message names both.
    """
    read: dict[str, Any] = {name: _READERS[name](option, _text(option)) for name, option in _OPTIONS.items()}
    read["output_dir"] = read["output_dir"] or _default_output_dir()
    read["lock_path"] = read["lock_path"] or _default_lock_path(read["output_dir"])
    return Settings(**read)


def settings_for(settings: Settings | None, overrides: Mapping[str, Any]) -> Settings:
    """Return what a builder works with: the given settings or the section's, with other values for some."""
    return (settings or read_settings()).but(**overrides)


def _text(option: str) -> str:
    # The fallback serves an Airflow that has not loaded provider configuration (a bare worker of 3.1).
    default = _defaults()[option]["default"]
    found = str(conf.get(CONFIG_SECTION, option, fallback=default) or "").strip()
    if option in _EMPTY_MEANS:
        return found
    return found or default


#: Options for which an empty text is a value of its own, not the default.
_EMPTY_MEANS = {"warehouse_asset"}


def _default_output_dir() -> str:
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    return f"{home}/mode_catalog"


def _default_lock_path(output_dir: str) -> str:
    return f"{output_dir.rstrip('/')}/.lock"


def _defaults() -> dict[str, Any]:
    options: dict[str, Any] = get_provider_info()["config"][CONFIG_SECTION]["options"]
    return options
