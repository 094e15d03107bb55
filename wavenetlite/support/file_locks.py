"""A lock on an open file, which ends with the file or with its process."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import msvcrt
    import os

    PLACE = 2**40  # the byte that is locked: nobody else can read or write it

    def lock(descriptor: int) -> None:
        """Lock an open file; BlockingIOError: another process has, another OSError: this file system has no locks."""
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, PLACE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from None
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)

else:
    import fcntl

    def lock(descriptor: int) -> None:
        """Lock an open file; BlockingIOError: another process has, another OSError: this file system has no locks."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
