"""Errors of the operating system, as one line with path and reason."""

from __future__ import annotations

import errno

from ackd_deploy.errors import EnvironmentProblem

__all__ = ["system_problem"]

# Full, over the quota, beyond the limit of a file's size.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_HINTS = {
    errno.EACCES: "run as a user who may read and write there, or change the permissions",
    errno.EPERM: "run as a user who may read and write there, or change the permissions",
    errno.EROFS: "write to another folder, or make it writable",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    **dict.fromkeys(_NO_ROOM, "free disk space, and try again"),
}


def system_problem(error: OSError) -> EnvironmentProblem:
    """Return what a user can mend: a file or folder that cannot be read or written, a full disk, a limit."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    where = f"{' and '.join(names)}: " if names else ""
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in _NO_ROOM or error.errno == errno.EROFS:
        return EnvironmentProblem(f"the disk cannot be written to: {where}{reason}", hint=_HINTS[error.errno])
    return EnvironmentProblem(f"{where}{reason}", hint=_HINTS.get(error.errno or 0))
