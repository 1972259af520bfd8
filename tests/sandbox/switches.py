"""The switches: one for every point on which the sources about Mode and Catalog disagree or are silent.

Both classes are mutable on purpose: a test may throw a switch between two requests of the same client.
Durations are *service seconds*: they shrink with the sandbox's ``time_scale``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self


class _Switches:
    def throw(self, **values: Any) -> Self:
        """Set switches by name, refusing names that do not exist (a typo would silently test nothing)."""
        names = {one.name for one in fields(self)}  # type: ignore[arg-type]
        for name, value in values.items():
            if name not in names:
                raise ValueError(f"no such switch: {name}; there are {', '.join(sorted(names))}")
            setattr(self, name, value)
        return self


@dataclass
class ModeSwitches(_Switches):
    """How the Mode of this sandbox behaves.

    :param id_type: JSON type of every ``id`` and ``*_id``; ``mixed`` = number for odd ids, string for even
        ones.
    :param query_id_type: that of queries alone, ``None`` = the same; ``query_source_id_type`` likewise for
        their ``data_source_id``.
    :param odd_query_id_of: token of a report whose queries have ids of the other type.
    :param spaces_paging: ``/spaces`` is paged always, only when ``page`` or ``per_page`` is sent, or never.
    :param per_page_cap: a larger ``per_page`` is clamped to this without an error.
    :param page_after_last: ``empty`` = key with ``[]``, ``absent`` = ``_embedded: {}``, ``repeat`` = the last
        page again. Repeating happens only where there is no ``pagination`` block.
    :param moving_rows: reports change place during a walk. ``duplicates``: a row that was served already
        shows up again. ``losses``: a row not yet served moves to the front, so that one walk alone cannot see
        it.
    :param moves_per_listing: how often a listing moves before it comes to rest.
    :param limiter: ``window`` = at most ``rate_limit`` requests in *any* ``rate_window``; ``fixed`` = per
        aligned window; ``leaky`` = bucket of a quarter of ``rate_limit`` that drains at the same mean rate;
        per key.
    :param retry_after: form of the header on 429 answers: seconds (rounded up), HTTP date, or absent.
    :param rate_headers: send ``X-RateLimit-Limit`` and ``X-RateLimit-Remaining``.
    :param latency: service seconds before each answer.
    :param memberships: ``/memberships`` answers rows, or this status.
    :param memberships_lite: ``/memberships/lite`` answers rows, or this status.
    :param user_email: e-mail on ``/api/{username}``.
    :param creator_link: ``some`` leaves the link out where the generated row says so, ``all`` everywhere
        present, ``none`` nowhere.
    :param null_names: untitled reports have ``name: null`` (else a title is invented).
    :param archived_rows: archived reports are listed at all.
    :param personal_spaces: ``filter=all`` lists personal collections.
    :param refused_collections: collections the world marks as refused answer 404/403 on their listings.
    :param vanishing_reports: reports the world marks as vanishing answer 404 once they were listed.
    :param datasets: ``/spaces/{s}/datasets`` answers rows, or this status.
    :param source_datasets: ``/data_sources/{t}/datasets`` answers rows, or this status, with
        404 as a route that there is not.
    :param source_datasets_row: ``whole`` = as in the listing of a collection; ``homeless`` = it does not say
        in which collection a dataset is; ``bare`` = token, name and links alone; ``thin`` = without its
        description.
    :param source_datasets_pages: pages of 30, or ``page`` is ``ignored`` and everything comes every time.
    :param source_datasets_personal: what is in personal collections is listed as well.
    :param source_datasets_archived: archived datasets are listed as well.
    :param source_datasets_multiplied: a dataset is listed once per query, as reports are.
    :param source_datasets_hidden: tokens of datasets that are not listed.
    :param random_faults: share of requests (0 to 1) that meet one of ``random_fault_kinds``.
    :param random_fault_kinds: statuses, or ``html`` for a 200 with an HTML body.
    :param embed_queries: ``embed[queries]=1`` on a report or a report listing is honoured.
    :param gzip: compress larger answers for clients that accept it.
    :param key_scope: what ``/api/verify`` says of the key.
    :param redirect_to: base URL that every request is sent to instead (nothing else is answered).
    :param redirect_status: 301, 302, 307 or 308.
    :param not_mode: the host is not Mode: ``html`` = 200 with a page everywhere, ``404`` = HTML 404
        everywhere.
    :param run_seconds: duration of a run that has no script.
    :param run_status: status of an accepted ``POST .../runs``.
    :param run_first_state: state of a run just started.
    :param cancel_form: runs in flight carry ``_forms.cancel``.
    :param report_writes: ``PATCH /reports/{r}`` is carried out, or answered with this status.
    :param description_conflict: somebody edits a description between two looks at it (``before``), or right
        after it was written (``after``); ``lost``: what is written is accepted and never shown.
    :param description_shown: a report alone has a ``description``.
    :param definitions: ``/definitions`` answers rows, or this status.
    :param groups: ``/groups`` answers rows, or this status; so do ``group_memberships``,
        ``space_permissions``, ``data_source_permissions`` and ``schedules`` for theirs.
    :param permission_shape: how a permission looks, which no source tells: ``accessor`` = ``accessor_type``
        and ``accessor_token`` with ``access_level``, rows under ``permissions``; ``grantee`` =
        ``grantee_type``, ``grantee_token`` and ``action``, rows under ``permission_grants``; ``links`` = the
        accessor is a link only, with ``level``, rows under ``entitlements``.
    :param permission_pages: rows on a page of permissions, with a block; ``None``: not paged.
    :param batch: answer of the Discovery API: ``ok``, or the status of the mint (401, 403, 404).
    :param batch_listings: per listing name the status it answers instead of rows, e.g. ``{"members": 503}``.
    :param batch_per_page_cap: largest (and default) page of Discovery listings.
    :param batch_per_page: a ``per_page`` asked for is honoured up to that cap, or ignored.
    :param batch_id_type: as ``id_type``.
    :param batch_sees: ``same`` = a report that REST refuses, or that vanished, is in no batch listing either;
        ``more`` = it is, whole. What is in a collection that REST refuses is in either way.
    :param batch_archived: archived reports and their queries are in the batch listings.
    :param batch_personal: what is in personal collections is in the batch listings without being asked for.
    :param batch_datasets: datasets and their queries are in the batch listings.
    :param batch_views: what the number of views is called in ``report_stats``; ``none``: it is not there,
        ``other``: it is another number than REST's.
    :param batch_frozen: batch listings lag: they show what they showed when this was thrown first.
    :param batch_limited: Discovery requests count against the rate of the key that minted the token.
    """

    id_type: Literal["string", "number", "mixed"] = "string"
    query_id_type: Literal["string", "number", "mixed"] | None = None
    query_source_id_type: Literal["string", "number", "mixed"] | None = None
    odd_query_id_of: str | None = None
    spaces_paging: Literal["always", "with_page", "never"] = "always"
    per_page_cap: int = 30
    page_after_last: Literal["empty", "absent", "repeat"] = "absent"
    moving_rows: Literal["off", "duplicates", "losses"] = "off"
    moves_per_listing: int = 2
    limiter: Literal["window", "fixed", "leaky", "off"] = "window"
    rate_limit: int = 40
    rate_window: float = 10.0
    retry_after: Literal["seconds", "date", "absent"] = "seconds"
    rate_headers: bool = True
    latency: float = 0.0
    memberships: Literal["rows"] | int = "rows"
    memberships_lite: Literal["rows"] | int = "rows"
    user_email: Literal["present", "withheld"] = "present"
    creator_link: Literal["all", "some", "none"] = "some"
    null_names: bool = True
    archived_rows: bool = True
    personal_spaces: bool = True
    refused_collections: bool = True
    vanishing_reports: bool = True
    datasets: Literal["rows"] | int = "rows"
    source_datasets: Literal["rows"] | int = "rows"
    source_datasets_row: Literal["whole", "homeless", "bare", "thin"] = "whole"
    source_datasets_pages: Literal["30", "ignored"] = "30"
    source_datasets_personal: bool = True
    source_datasets_archived: bool = False
    source_datasets_multiplied: bool = False
    source_datasets_hidden: tuple[str, ...] | list[str] = ()
    random_faults: float = 0.0
    random_fault_kinds: tuple[int | str, ...] = (504, 500, 503, "html")
    embed_queries: Literal["ignored", "honoured"] = "ignored"
    gzip: bool = True
    key_scope: Literal["workspace", "member"] = "workspace"
    redirect_to: str | None = None
    redirect_status: int = 302
    not_mode: Literal["off", "html", "404"] = "off"
    run_seconds: float = 20.0
    run_status: int = 202
    run_first_state: Literal["enqueued", "pending"] = "enqueued"
    cancel_form: bool = True
    report_writes: Literal["ok"] | int = "ok"
    description_conflict: Literal["off", "before", "after", "lost"] = "off"
    description_shown: bool = True
    definitions: Literal["rows"] | int = "rows"
    groups: Literal["rows"] | int = "rows"
    group_memberships: Literal["rows"] | int = "rows"
    space_permissions: Literal["rows"] | int = "rows"
    data_source_permissions: Literal["rows"] | int = "rows"
    permission_shape: Literal["accessor", "grantee", "links"] = "accessor"
    permission_pages: int | None = None
    schedules: Literal["rows"] | int = "rows"
    batch: Literal["ok"] | int = "ok"
    batch_listings: dict[str, int] | None = None
    batch_per_page_cap: int = 1000
    batch_per_page: Literal["honoured", "ignored"] = "honoured"
    batch_id_type: Literal["string", "number", "mixed"] = "string"
    batch_sees: Literal["same", "more"] = "same"
    batch_archived: bool = True
    batch_personal: bool = False
    batch_datasets: bool = True
    batch_views: Literal["view_count", "total_views_count", "none", "other"] = "view_count"
    batch_frozen: bool = False
    batch_limited: bool = True


@dataclass
class CatalogSwitches(_Switches):
    """How the Catalog of this sandbox behaves.

    :param conflict: a file name that a source holds already is answered with 409 (else it is replaced).
    :param stored_status: status of a stored upload.
    :param max_bytes: larger files are answered with 413, ``None`` = no limit.
    :param part_type: a ``Content-Type`` on the part is refused (no client seen sends one), or accepted.
    :param unknown_source: upload to a UUID that is no source: ``accept`` (as a blind proxy would), or this
        status.
    :param read_only_status: status of an upload with the read-only token.
    :param wrong_zone_status: status of any call with the token of the other zone.
    :param latency: service seconds before each answer.
    :param pagination_type: name of the input type; a document that declares a variable of another type is
        refused.
    :param pagination_default: page size when no ``pagination`` argument is sent.
    :param max_per_page: largest ``nbPerPage``.
    :param per_page_over: what happens to a larger one: refused with an error, or clamped.
    :param graphql_error_status: HTTP status of execution errors (authorisation, limits); validation is always
        400.
    :param sources_readable: ``False``: ``getSources`` answers an authorisation error for every token.
    :param empty_bodies: this many of the next GraphQL answers are ``{}`` with status 200 (counts down).
    :param partial_data: execution errors come with a ``data`` member as well.
    :param lost_dashboards: tokens of reports that an ingestion does not take.
    :param dead_dashboards: dashboards of an earlier ingestion stay when their report is no longer uploaded.
    :param lost_lineage: tokens of reports that get no lineage; ``None`` = all.
    :param renamed: names that dashboards get, by token of the report.
    :param moved: folders that dashboards get, by token of the report.
    :param tiles: tiles that hang on each dashboard, rows of their own with a lineage from it.
    :param urls: dashboards have the address of their report, or that of the workspace.
    :param external_ids: dashboards carry the report's id, or its token.
    :param odd_pages: ``duplicates``: each page begins with the last row of the one before; ``losses``: a row
        is missing from the first walk; ``half``: the last page is never given; ``repeat``: it is given for
        ever; ``no_total``: ``totalCount`` is not told.
    :param names_with_case: ``nameContains`` of schemas and tables minds capitals.
    :param empty_over: a page of more rows than this is answered with ``{}``.
    """

    conflict: bool = True
    stored_status: int = 200
    max_bytes: int | None = None
    part_type: Literal["refused", "accepted"] = "refused"
    unknown_source: Literal["accept"] | int = "accept"
    read_only_status: int = 401
    wrong_zone_status: int = 401
    latency: float = 0.0
    pagination_type: Literal["Pagination", "PublicPagination"] = "PublicPagination"
    pagination_default: int = 50
    max_per_page: int = 500
    per_page_over: Literal["refuse", "clamp"] = "refuse"
    graphql_error_status: int = 200
    sources_readable: bool = True
    empty_bodies: int = 0
    partial_data: bool = False
    lost_dashboards: tuple[str, ...] | list[str] = ()
    dead_dashboards: bool = False
    lost_lineage: tuple[str, ...] | list[str] | None = ()
    renamed: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    tiles: int = 0
    urls: Literal["report", "workspace"] = "report"
    external_ids: Literal["id", "token"] = "id"
    odd_pages: Literal["off", "duplicates", "losses", "half", "repeat", "no_total"] = "off"
    names_with_case: bool = False
    empty_over: int | None = None
