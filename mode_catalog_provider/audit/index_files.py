"""Writes the index of reports as CSV, JSON or SQLite, by the ending of the file's name."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from mode_catalog_provider.audit.index import COLUMNS, Row
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.scratch import database_at
from mode_catalog_provider.snapshot.output import OutputFile
from mode_catalog_provider.storage import StoragePath
from mode_catalog_provider.text import cell

_CHUNK = 1 << 20

Put = Callable[[Row], None]


def write_index(rows: Iterable[Row], paths: Iterable[StoragePath]) -> int:
    """Write the rows to each of the files, in one pass.

    :param rows: from :func:`~mode_catalog_provider.audit.index.index_rows`.
    :param paths: files that end in ``.csv``, ``.json``, ``.sqlite`` or ``.db``; they are replaced.
    :return: how many rows.
    :raises ConfigurationError: a name ends in something else.
    """
    targets = list(dict.fromkeys(paths))
    check_names(path.name for path in targets)
    number = 0
    with ExitStack() as stack:
        puts = [stack.enter_context(_WRITERS[_ending(path.name)](path)) for path in targets]
        for row in rows:
            number += 1
            for put in puts:
                put(row)
    return number


def check_names(names: Iterable[str]) -> None:
    """Raise for a name that does not say what kind of file is wanted.

    :raises ConfigurationError: it ends in something else than ``.csv``, ``.json``, ``.sqlite`` or ``.db``.
    """
    for name in names:
        if _ending(name) not in _WRITERS:
            raise ConfigurationError(
                f"The index is written as .csv, .json, .sqlite or .db, and '{name}' ends in none of these."
            )


def _ending(name: str) -> str:
    return f".{name.rpartition('.')[2].lower()}"


@contextmanager
def _csv(path: StoragePath) -> Iterator[Put]:
    with OutputFile(path) as output:
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\r\n")

        def put(cells: Iterable[Any]) -> None:
            writer.writerow([_cell(value) for value in cells])
            output.write(buffer.getvalue().encode("utf-8", "replace"))
            buffer.seek(0)
            buffer.truncate()

        # Spreadsheets take a file without this mark for one in the letters of their country.
        output.write(b"\xef\xbb\xbf")
        put(COLUMNS)
        yield lambda row: put(row.values())
    output.publish()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    return cell("; ".join(value) if isinstance(value, list) else str(value))


@contextmanager
def _json(path: StoragePath) -> Iterator[Put]:
    with OutputFile(path) as output:
        begun = False

        def put(row: Row) -> None:
            nonlocal begun
            output.write((",\n" if begun else "[\n").encode() + json.dumps(row).encode("ascii"))
            begun = True

        yield put
        output.write(b"\n]\n" if begun else b"[]\n")
    output.publish()


@contextmanager
def _sqlite(path: StoragePath) -> Iterator[Put]:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "index.sqlite"
        database = database_at(made)
        try:
            columns = ", ".join(COLUMNS)
            # The names are those of this module.
            database.execute(f"CREATE TABLE report ({columns})")
            database.execute("BEGIN")
            insert = f"INSERT INTO report VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608

            def put(row: Row) -> None:
                database.execute(
                    insert,
                    [json.dumps(value) if isinstance(value, list) else value for value in row.values()],
                )

            yield put
            database.execute("COMMIT")
            database.execute("CREATE UNIQUE INDEX report_token ON report (token)")
        finally:
            database.close()
        with OutputFile(path) as output, made.open("rb") as file:
            while chunk := file.read(_CHUNK):
                output.write(chunk)
        output.publish()


_WRITERS = {".csv": _csv, ".json": _json, ".sqlite": _sqlite, ".db": _sqlite}
