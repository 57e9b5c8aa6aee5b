"""Files of torch.save, both forms, without torch.load. · 读取 torch.save 的两种文件格式，不使用 torch.load。

Since torch 1.6 a file is a zip archive: `data.pkl` and one uncompressed entry for each storage. Before, it was pickles
one after another, and behind them the storages, each with its length.
"""

import io
import struct
import zipfile
from collections.abc import Callable
from typing import IO, Any

import torch
from torch import Tensor

from .pickled import LARGEST, Refused, Storage, Stored, read

MAGIC = 0x1950A86A20F9469CFC6C  # of the old form, as a pickled number
Fetch = Callable[[Storage], Tensor]


def view(stored: Stored, fetch: Fetch) -> Tensor:
    """The tensor that a description means. · 由描述得到张量。"""
    return fetch(stored.storage).as_strided(stored.size, stored.stride, stored.offset)


def _numbers(raw: bytes, storage: Storage) -> Tensor:
    if len(raw) != storage.count * storage.dtype.itemsize:
        raise Refused(f"it ends too early or is damaged (storage {storage.key[:20]}); fetch it anew")
    if not raw:
        return torch.empty(0, dtype=storage.dtype)
    return torch.frombuffer(bytearray(raw), dtype=storage.dtype)


def read_zip(file: IO[bytes]) -> tuple[Any, Fetch]:
    """The object of a zip file of torch.save, and what fetches its storages. · 读取 zip 格式。"""
    try:
        archive = zipfile.ZipFile(file)
        names = {info.filename: info for info in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
        raise Refused("it ends too early or is a damaged zip archive; fetch it anew") from error
    root = _root(list(names))
    # torch stores without compression: anything else would be a bomb, and so would entries that overlap.
    packed = [n for n, info in names.items() if info.compress_type != zipfile.ZIP_STORED]
    length = file.seek(0, 2)
    if packed or sum(info.file_size for info in names.values()) > length:
        raise Refused("its archive is compressed or larger inside than outside, as torch.save never writes one")
    head = _entry(archive, names, f"{root}data.pkl")
    if len(head) > LARGEST:
        raise Refused(f"its pickle has {len(head)} bytes, more than a state_dict needs")
    if names.get(f"{root}byteorder") and _entry(archive, names, f"{root}byteorder") != b"little":
        raise Refused("its numbers are big-endian; save it anew on a little-endian machine")
    kept: dict[str, Tensor] = {}

    def fetch(storage: Storage) -> Tensor:
        if storage.key not in kept:
            kept[storage.key] = _numbers(_entry(archive, names, f"{root}data/{storage.key}"), storage)
        return kept[storage.key]

    return read(io.BytesIO(head)), fetch


def _root(names: list[str]) -> str:
    """The folder in the archive that has data.pkl; or what else the archive is."""
    if any(n.endswith(("/constants.pkl", ".torchscript")) for n in names) or any("/code/" in n for n in names):
        raise Refused("it is a TorchScript program; expected the weights alone: torch.save(model.state_dict(), FILE)")
    if any(n.endswith("archive_format") for n in names):
        raise Refused("it is a torch.export program; expected the weights alone: torch.save(model.state_dict(), FILE)")
    found = [n for n in names if n == "data.pkl" or n.endswith("/data.pkl")]
    if len(found) != 1:
        what = "numpy arrays" if any(n.endswith(".npy") for n in names) else "other things"
        raise Refused(f"it is a zip archive of {what}; expected one that torch.save wrote, or a safetensors file")
    return found[0].removesuffix("data.pkl")


def _entry(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], name: str) -> bytes:
    if name not in names:
        raise Refused(f"its archive lacks {name[-40:]}; the file is damaged, fetch it anew")
    try:
        return archive.read(names[name])
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise Refused(f"{name[-40:]} in it is damaged (its checksum differs); fetch it anew") from error


def read_legacy(file: IO[bytes]) -> tuple[Any, Fetch]:
    """The object of an old file of torch.save, and what fetches its storages. · 读取旧格式。"""
    file.seek(0)
    head = io.BytesIO(file.read(LARGEST))
    if read(head) != MAGIC:
        raise Refused(
            "it is a pickle, and not of torch.save; expected safetensors or torch.save(model.state_dict(), …)"
        )
    _protocol, system, found, keys = (read(head) for _ in range(4))
    if not isinstance(system, dict) or not system.get("little_endian", True):
        raise Refused("its numbers are big-endian; save it anew on a little-endian machine")
    if not isinstance(keys, list):
        raise Refused("its list of storages is damaged; fetch it anew")
    starts, sizes = _places(file, head.tell(), keys, _storages(found))

    def fetch(storage: Storage) -> Tensor:
        if storage.key not in starts:
            raise Refused(f"it ends too early (no storage {storage.key[:20]}); fetch it anew")
        file.seek(starts[storage.key])
        return _numbers(file.read(sizes[storage.key]), storage)

    return found, _once(fetch)


def _storages(found: Any) -> dict[str, Storage]:
    """Every storage in what was read, without following a thing twice."""
    out, seen, todo = {}, set(), [found]
    while todo:
        item = todo.pop()
        if isinstance(item, Stored):
            out[item.storage.key] = item.storage
        elif isinstance(item, dict | list | tuple) and id(item) not in seen:
            seen.add(id(item))
            todo += item.values() if isinstance(item, dict) else item
    return out


def _places(
    file: IO[bytes], at: int, keys: list[Any], storages: dict[str, Storage]
) -> tuple[dict[str, int], dict[str, int]]:
    """Where each storage begins and how many bytes it has: a length in numbers stands before each."""
    starts, sizes = {}, {}
    for key in map(str, keys):
        if key not in storages:
            raise Refused("its list of storages does not fit its tensors; the file is damaged")
        file.seek(at)
        length = file.read(8)
        if len(length) < 8 or struct.unpack("<q", length)[0] != storages[key].count:
            raise Refused("it ends too early or is damaged; fetch it anew")
        starts[key], sizes[key] = at + 8, storages[key].count * storages[key].dtype.itemsize
        at += 8 + sizes[key]
    return starts, sizes


def _once(fetch: Fetch) -> Fetch:
    kept: dict[str, Tensor] = {}

    def fetched(storage: Storage) -> Tensor:
        if storage.key not in kept:
            kept[storage.key] = fetch(storage)
        return kept[storage.key]

    return fetched
