"""Since when an API key is in use, remembered beside the snapshots without the key itself."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from mode_catalog_provider.moments import stamp
from mode_catalog_provider.snapshot.layout import StoragePath
from mode_catalog_provider.snapshot.output import create_exclusively, make_directory

FOLDER = ".keys"


def first_seen(output_dir: StoragePath, token: str, now: datetime) -> datetime:
    """Return when a key was first asked for, and remember it if that is now.

    Kept is one small file per key, named by a slow, salted hash of the token.

    :param output_dir: the folder of the snapshots.
    :param token: the token of the key; what is stored does not lead back to it.
    :param now: the current time.
    """
    folder = output_dir / FOLDER
    make_directory(folder)
    salt = folder / "salt"
    create_exclusively(salt, secrets.token_hex(16).encode("ascii"))
    mark = hashlib.scrypt(token.encode(), salt=salt.read_text().encode(), n=2**14, r=8, p=1, dklen=16).hex()
    file = folder / f"{mark}.first-seen"
    if create_exclusively(file, stamp(now).encode("ascii")):
        return now
    return datetime.fromisoformat(file.read_text().strip())
