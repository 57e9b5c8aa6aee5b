"""Bytes that are on the disk, or an error that says why not. · 写入磁盘的字节，否则说明原因。

Written with our own file descriptors: only so does a full disk stay the `OSError` that it is (a library's writer
turns it into an error of its own and leaves half a file), and only so can each file and folder be flushed.
"""

import errno
import os
import shutil
from pathlib import Path

from ..errors import UserError

_FULL = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the limit on the size of a file is reached (ulimit -f)",
}


class WriteFailed(UserError):
    """Something could not be written; what was there before is intact. · 写入失败，原有内容完好。"""


class DiskFull(WriteFailed):
    """There is no room; try again later. · 磁盘已满，可稍后重试。

    >>> issubclass(DiskFull, UserError)
    True
    """


def human(size: int) -> str:
    """A number of bytes for people. · 便于阅读的字节数。

    >>> human(999), human(12_345_678)
    ('999 B', '12.3 MB')
    """
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"


def failure(error: OSError, what: str, folder: Path, needed: int) -> WriteFailed:
    """The one line for a failed write: how much was needed, how much is free. · 写入失败的一行说明。"""
    reason = _FULL.get(error.errno or 0)
    if reason is None:
        return WriteFailed(f"{what} was not saved in {folder}: {error.strerror or error}; what was there is intact")
    try:
        free = f"{human(shutil.disk_usage(folder).free)} free"
    except OSError:
        free = "free space unknown"
    need = f"needs {human(needed)}, {free}"
    return DiskFull(f"{what} was not saved in {folder}: {reason}: {need}; what was there is intact, make room")


def write_new(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet and flush it to the disk. · 新建文件并刷到磁盘。"""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            written = os.write(fd, rest)
            if written == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            rest = rest[written:]
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder: without it a rename may be forgotten. · 刷新目录项。"""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace(path: Path, data: bytes) -> None:
    """Put `data` in place of a file, whole or not at all. · 原子地替换文件内容。

    Raises `WriteFailed` or `DiskFull`; the old content is then still there.
    """
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}"[:200])
    try:
        temporary.unlink(missing_ok=True)
        write_new(temporary, data)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise failure(error, path.name, path.parent, len(data)) from error
    finally:
        temporary.unlink(missing_ok=True)
