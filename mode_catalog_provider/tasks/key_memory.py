"""Since when an API key is in use, remembered beside the snapshots without the key itself."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from datetime import datetime

from mode_catalog_provider.moments import parsed, stamp
from mode_catalog_provider.snapshot.layout import PARTIAL, StoragePath
from mode_catalog_provider.snapshot.output import create_exclusively, make_directory, remove_file
from mode_catalog_provider.storage import is_local, read_record

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
    _publish(salt, secrets.token_hex(16).encode("ascii"))
    # Empty only where a crash of an older version, or a disk without hard links, left it so: another writer
    # may still fill it, and a key remembered under an empty salt would never be found again.
    if not (grains := read_record(salt).strip()):
        return now
    mark = hashlib.scrypt(token.encode(), salt=grains, n=2**14, r=8, p=1, dklen=16).hex()
    file = folder / f"{mark}.first-seen"
    if _publish(file, stamp(now).encode("ascii")):
        return now
    return parsed(read_record(file).decode("ascii", "replace")) or now


def _publish(path: StoragePath, content: bytes) -> bool:
    """Create a file unless it exists, name and content in one step; return whether this call created it."""
    if not is_local(path):
        return create_exclusively(path, content)
    new = path.with_name(f"{path.name}.{secrets.token_hex(8)}{PARTIAL}")
    try:
        create_exclusively(new, content)
        os.link(new, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}:
            raise
        return create_exclusively(path, content)
    finally:
        remove_file(new)
    return True
