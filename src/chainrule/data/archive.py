"""An archive of images as a folder: unpacked once into the cache, and only what is harmless. · 安全解包图像归档。

Refused before anything is kept: names that lead out of the folder, links, devices, names that stand twice, and archives
that grow beyond all proportion. What was read is counted, because headers can lie.
"""

import hashlib
import lzma
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from ..errors import UserError
from .names import hidden, show

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".zip")
# Photographs hardly shrink: what grows a hundredfold, and beyond this size, was made to fill a disk.
MOST_GROWTH, HARMLESS = 100, 256 << 20
MOST_BYTES, MOST_FILES = 256 << 30, 5_000_000
_CHUNK = 1 << 20
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, NotImplementedError, ValueError)


class Member(NamedTuple):
    """One entry of an archive. · 归档中的一项。

    kind: "file", "folder", or what it is instead. open: its bytes.
    """

    name: str
    kind: str
    open: Callable[[], IO[bytes] | None]


def is_archive(path: Path) -> bool:
    """Whether a file is an archive by its name. · 是否为归档文件。

    >>> is_archive(Path("flowers.tar.xz")), is_archive(Path("flowers.png"))
    (True, False)
    """
    return path.name.lower().endswith(ENDINGS)


def unpack(path: Path, cache: Path) -> Path:
    """The folder of what an archive holds; unpacked at the first call for these bytes. · 解包到缓存并返回文件夹。

    cache: the folder that keeps it, under the archive's name and sha256.
    Raises `UserError`, naming archive and entry, for what is damaged, dangerous or too large.
    """
    with _faults(path):
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        folder = cache / f"{path.name.partition('.')[0] or 'archive'}-{digest[:16]}"
        if folder.is_dir():
            return _inner(folder)
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=cache))
        try:
            _write(path, fresh)
            try:
                fresh.rename(folder)
            except OSError:  # another process was faster with the same bytes
                if not folder.is_dir():
                    raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return _inner(folder)


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Whatever an archive can do to its reader, as one line."""
    try:
        yield
    except UserError:
        raise
    except _DAMAGE as error:
        raise UserError(f"{show(path)}: a damaged archive ({error}): copy or download the file again") from error
    except RuntimeError as error:  # zipfile asks for a password this way
        raise UserError(f"{show(path)}: cannot be read ({error}): expected an archive without a password") from error
    except OSError as error:
        raise UserError(f"{show(path)}: cannot be unpacked ({error.strerror or error})") from error


def _write(path: Path, folder: Path) -> None:
    budget = min(MOST_BYTES, max(HARMLESS, MOST_GROWTH * path.stat().st_size))
    seen: set[str] = set()
    with _opened(path) as members:
        for member in members:
            name = _safe(member, path)
            if any(hidden(Path(part)) for part in name.parts) or member.kind == "folder":
                continue
            key = str(name).casefold()
            if key in seen:
                raise UserError(f"{show(path)}: {show(member.name)} stands twice: expected each name once")
            seen.add(key)
            if len(seen) > MOST_FILES:
                raise UserError(f"{show(path)}: more than {MOST_FILES} files: expected fewer; unpack it by hand")
            budget -= _copy(member, folder / name, budget, path)


def _safe(member: Member, path: Path) -> PurePosixPath:
    """The name of an entry once it cannot lead anywhere else."""
    name = PurePosixPath(member.name)
    outside = name.is_absolute() or ".." in name.parts or any(c in member.name for c in "\\\0")
    if outside or (len(member.name) > 1 and member.name[1] == ":"):
        raise UserError(f"{show(path)}: {show(member.name)!r} leads out of the folder: expected names inside it")
    if member.kind not in ("file", "folder"):
        raise UserError(f"{show(path)}: {show(member.name)} is {member.kind}: expected plain files and folders only")
    return name


def _copy(member: Member, target: Path, budget: int, path: Path) -> int:
    """Write one entry, counting; give its bytes."""
    source, size = member.open(), 0
    assert source is not None  # it is a plain file
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("wb") as out:
        while block := source.read(_CHUNK):
            size += len(block)
            if size > budget:
                raise UserError(
                    f"{show(path)}: grows beyond {MOST_GROWTH} times its size at {show(member.name)}: expected an "
                    "archive of images; if it is one, unpack it by hand and give the folder"
                )
            out.write(block)
    return size


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[Member]]:
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            yield (_from_zip(archive, info) for info in archive.infolist())
    else:
        with tarfile.open(path) as archive:
            yield (_from_tar(archive, info) for info in archive)


def _from_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    mode = info.external_attr >> 16
    special = stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR)
    kind = "a link" if stat.S_ISLNK(mode) else "a device" if special else "folder" if info.is_dir() else "file"
    return Member(info.filename, kind, lambda: archive.open(info))


def _from_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    kind = (
        "file"
        if info.isreg()
        else "folder"
        if info.isdir()
        else "a link"
        if info.issym() or info.islnk()
        else "a device"
    )
    return Member(info.name, kind, lambda: archive.extractfile(info))


def _inner(folder: Path) -> Path:
    """The folder inside, where an archive holds everything in one folder of folders. · 归档内的顶层文件夹。"""
    entries = [entry for entry in folder.iterdir() if not hidden(entry)]
    alone = entries[0] if len(entries) == 1 and entries[0].is_dir() else None
    return _inner(alone) if alone and any(_holds(child) for child in alone.iterdir()) else folder


def _holds(entry: Path) -> bool:
    """What a folder of data has in it, and a class of images has not: folders, or a table."""
    return entry.is_dir() or entry.suffix.lower() in (".csv", ".tsv")
