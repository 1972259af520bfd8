"""Exit codes, by type of error."""

from __future__ import annotations

from mode_catalog_provider.errors import (
    AuthenticationError,
    CancelledError,
    ConfigurationError,
    ForbiddenError,
    LockError,
    SnapshotError,
    TooManyRunsError,
    UploadConflictError,
)

DONE = 0
USAGE = 2
CONFIGURATION = 3
SERVICE = 4
REFUSED = 5
INTERRUPTED = 130


def exit_code(error: BaseException) -> int:
    """Return the exit code that tells a scheduler what kind of failure ``error`` is."""
    match error:
        case KeyboardInterrupt() | CancelledError():
            return INTERRUPTED
        case SnapshotError() | LockError() | UploadConflictError() | TooManyRunsError():
            return REFUSED
        # An OSError is about the output folder: failures of the services have types of their own.
        case ConfigurationError() | AuthenticationError() | ForbiddenError() | OSError():
            return CONFIGURATION
    return SERVICE
