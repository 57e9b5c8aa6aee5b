"""Where a data set lies, archives unpacked. · 数据集所在之处，归档则先解包。"""

from pathlib import Path

from ..errors import UserError, did_you_mean
from . import archive, sources
from .cifar.files import refuse_pickle
from .names import hidden, show


def open_place(text: str) -> Path:
    """The folder (or file) that a word names: a path, a name below $CHAINRULE_DATA, or what an archive there holds.

    · 由路径或名称得到文件夹；归档解包到缓存。

    Raises `UserError` where there is nothing, and for an archive that cannot be used.
    """
    path = sources.path_of(text)
    if path is None:
        known = ", ".join(sources.SOURCES)
        hint = did_you_mean(text, sources.SOURCES)
        raise UserError(f"{show(text)}: no such folder or data set: expected a path or one of {known}{hint}")
    refuse_pickle(path)
    packed = path if path.is_file() and archive.is_archive(path) and not _ours(path) else _only_archive(path)
    return archive.unpack(packed, sources.cache() / "unpacked") if packed else path


def _ours(path: Path) -> bool:
    """An archive that is read as it is."""
    return any(path.name == file.name for source in sources.SOURCES.values() for file in source.files)


def _only_archive(folder: Path) -> Path | None:
    """The one archive in a folder that holds nothing else than it and notes about it."""
    try:
        entries = [entry for entry in folder.iterdir() if not hidden(entry)] if folder.is_dir() else []
    except OSError:
        return None
    packed = [entry for entry in entries if archive.is_archive(entry) and entry.is_file() and not _ours(entry)]
    others = [entry for entry in entries if entry not in packed and entry.suffix.lower() not in (".txt", ".md", "")]
    folders = [entry for entry in entries if entry.is_dir()]
    return packed[0] if len(packed) == 1 and not others and not folders else None
