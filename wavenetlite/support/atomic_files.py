"""Files that appear whole: a new file has no name, or a temporary one, until it is complete and on disk.

On Linux the new file has no name while it is written (O_TMPFILE), so that not even SIGKILL leaves anything behind.
Where that is not supported it has a name that says so, and is locked: what a killed process left is removed by the next
write into that folder. Windows locks every open file: it is neither removed nor renamed there.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from wavenetlite.support.errors import ArrayTypeError, TargetError, WavenetliteError
from wavenetlite.support.file_locks import lock

PathLike = str | os.PathLike[str]

MOST_AT_ONCE = 1000
"""Files that can be written into one folder at the same time."""

KINDS = {
    stat.S_IFDIR: "directory",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
}


@contextmanager
def replacing(path: PathLike) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` once everything has been written to disk.

    Until then, and on failure, an existing file is left unchanged. Its mode is kept, a symbolic link is followed, and
    what is not a regular file is refused.
    """
    check_target(path)
    target = Path(path).resolve()
    try:
        new = NewFile(target.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    with new:
        try:
            yield new.file
        except OSError as error:
            if error.filename is not None or isinstance(error, WavenetliteError):  # of another file
                raise
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        try:
            new.publish(target)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error


def check_target(path: PathLike, inputs: Iterable[PathLike] = (), name: str = "path") -> None:
    """Raise unless `path` can be written: a regular file or a free name, and not one of `inputs`.

    Of an input that is a folder, every file counts that has another name than `path`: results may lie beside their
    data. A command calls this before its work.
    """
    if not isinstance(path, str | os.PathLike):
        raise ArrayTypeError(f"{name} is a {type(path).__name__}; it must be a string or a path")
    try:
        found = status(path)
    except ValueError as error:  # a NUL
        raise TargetError(f"{name}={os.fspath(path)!r} cannot be the name of a file: {error}") from None
    if found is None:
        return
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "special file")
        raise TargetError(f"{name}={os.fspath(path)!r} is a {kind}; it must be a regular file, or a free name")
    for given in inputs:
        for file in files_of(given, path):
            there = status(file)
            if there is not None and os.path.samestat(there, found):
                raise TargetError(
                    f"{name}={os.fspath(path)!r} is the same file as the input {os.fspath(file)!r};"
                    " it must be another file"
                )


def status(path: PathLike) -> os.stat_result | None:
    """What the path leads to; None: nothing."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return Path(path).stat()
    return None


def files_of(path: PathLike, target: PathLike) -> Iterator[PathLike]:
    """The file, or all files in the folder but `target`."""
    path = Path(path)
    if not path.is_dir():
        yield path
    target = Path(target).absolute()
    yield from (file for file in path.absolute().rglob("*") if file != target)


class NewFile:
    """A file in `folder` that gets its name when it is complete; a context manager that discards it if it has none.

    Attributes
    ----------
    file
        The open file, for writing and reading.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary: Path | None = None  # set before there is such a file: a signal may come at any time
        self._descriptor = -1
        try:
            if not self._open_unnamed():
                self._open_named()
            self.file: BinaryIO = os.fdopen(self._descriptor, "w+b")
        except BaseException:
            with suppress(OSError):
                os.close(self._descriptor)
            self._forget()
            raise

    def __enter__(self) -> NewFile:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with suppress(OSError):  # a full disk, which has been reported
                self.file.close()
        finally:
            self._forget()

    def publish(self, target: Path) -> None:
        """Flush the file to disk, then give it its name; its mode is that of the file it replaces."""
        self.file.flush()
        keep_mode(self.file.fileno(), target)
        os.fsync(self.file.fileno())  # the bytes before the name: a power cut leaves the old file or the new one
        complete = self.temporary or self._link()
        if sys.platform == "win32":
            self.file.close()
        complete.replace(target)
        self.temporary = None

    def _open_unnamed(self) -> bool:
        if sys.platform == "linux" and Path("/proc/self/fd").is_dir():
            with suppress(OSError):  # not on this file system
                self._descriptor = os.open(self.folder, os.O_TMPFILE | os.O_RDWR, 0o666)
        return self._descriptor >= 0

    def _link(self) -> Path:
        """Give the unnamed file a temporary name: only a rename can replace a file."""
        owns(self._descriptor)
        for path in free_names(self.folder):
            self.temporary = path
            with suppress(FileExistsError):
                # src_dir_fd is not used, as the path is absolute; without it, os.link would link the link in /proc.
                source = f"/proc/self/fd/{self._descriptor}"
                os.link(source, path, src_dir_fd=self._descriptor, follow_symlinks=True)
                return path
        raise FileExistsError(f"{self.folder} has {MOST_AT_ONCE} files that are being written")

    def _open_named(self) -> None:
        for path in free_names(self.folder):
            self.temporary = path
            with suppress(FileExistsError):
                self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
                if owns(self._descriptor, path):
                    return
                os.close(self._descriptor)  # another process took it for one left behind
        raise FileExistsError(f"{self.folder} has {MOST_AT_ONCE} files that are being written")

    def _forget(self) -> None:
        if self.temporary is not None:
            remove_stale(self.temporary, ours=True)


def free_names(folder: Path) -> Iterator[Path]:
    """Temporary names in a folder, without the files that killed processes left there."""
    for number in range(MOST_AT_ONCE):
        path = folder / f".wavenetlite-{number}.tmp"
        remove_stale(path)
        yield path


def owns(descriptor: int, path: Path | None = None, unlocked: bool = True) -> bool:
    """Lock an open file; False if another process has, or if `path` has become another file.

    `unlocked` is the answer where the file system has no locks.
    """
    try:
        lock(descriptor)
    except BlockingIOError:
        return False
    except OSError:
        return unlocked
    there = None if path is None else status(path)
    return path is None or (there is not None and os.path.samestat(there, os.fstat(descriptor)))


def remove_stale(path: Path, ours: bool = False) -> None:
    """Remove a temporary file if nobody writes it, which is so if it is not locked; `ours`: it was us who did."""
    with suppress(OSError):
        if sys.platform == "win32":
            path.unlink()
        else:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if owns(descriptor, path, unlocked=ours):
                    path.unlink()
            finally:
                os.close(descriptor)


def keep_mode(descriptor: int, target: Path) -> None:
    """Give a new file the owner and the mode of the one it replaces; the owner only where that is allowed."""
    old = status(target)
    if old is not None and sys.platform != "win32":
        with suppress(OSError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
