"""Weights that other programs wrote: safetensors and torch.save, wrapped or prefixed. · 读取其他程序写出的权重。"""

import hashlib
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..data.names import show
from ..errors import UserError
from .pickled import Refused, Stored
from .torchfile import read_legacy, read_zip, view

# What checkpoints call the weights inside them; a moving average first, for it is what its makers evaluate.
WRAPPERS = (
    *("state_dict_ema", "model_ema", "ema_state_dict", "ema"),
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "state"),
)
PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and torch.compile
STARTS = {
    b"\x89HDF": "a HDF5 file (Keras)",
    b"GGUF": "a GGUF file",
    b"\x1f\x8b": "gzip'd; unpack it first",
    b"BZh": "bzip2'd; unpack it first",
    b"\xfd7zXZ": "xz'd; unpack it first",
    b"\x93NUMPY": "a numpy array",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"\x7fELF": "a program",
    b"version https://git-lfs": "a git-lfs pointer; run `git lfs pull`",
}
EXPECTED = "expected safetensors, or a .pth, .pt or .th that torch.save wrote"


@dataclass(frozen=True)
class Foreign:
    """Weights as they lie in a file: key → tensor, in its order. · 文件中的权重。

    notes what was unwrapped; sha256 of the file; left names of what was no tensor; norm eps and momentum of its batch
    norms, where they are known.
    """

    path: Path
    tensors: dict[str, Tensor]
    sha256: str
    notes: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    norm: tuple[float, float] | None = None


def read_foreign(path: str | PathLike[str]) -> Foreign:
    """The weights in a safetensors file or one of torch.save. · 读取外部权重文件。

    Nothing of a file is ever run. Raises `UserError`, one line, for everything that is no such file or is damaged.

    >>> import tempfile, torch; from safetensors.torch import save_file
    >>> file = Path(tempfile.mkdtemp(), "w.safetensors")
    >>> save_file({"module.fc.bias": torch.ones(2)}, file)
    >>> read_foreign(file).tensors
    {'fc.bias': tensor([1., 1.])}
    """
    file = Path(path).expanduser()
    try:
        return _read(file)
    except Refused as reason:
        raise UserError(f"{show(file)}: {reason}") from reason
    except (OSError, ValueError) as error:
        raise UserError(f"{show(file)}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def sha256_of(file: Path) -> str:
    """The sha256 of a file, read piece by piece. · 文件的 sha256。"""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read(file: Path) -> Foreign:
    if file.is_dir():
        raise Refused(f"a folder; {EXPECTED}, or the folder of a run")
    if not file.exists():
        raise Refused(f"no such file; {EXPECTED}")
    if not file.is_file():
        raise Refused(f"no plain file; {EXPECTED}")
    with file.open("rb") as stream:
        head = stream.read(512)
        if _safetensors(head):
            found: Any = _read_safetensors(file)
            fetch = None
        elif head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            found, fetch = read_zip(stream)
        elif head.startswith(b"\x80"):
            found, fetch = read_legacy(stream)
        else:
            raise Refused(_what(head, file))
        weights, notes = unwrap(found)
        tensors, left = {}, []
        for key, value in weights.items():
            if isinstance(value, Stored) and fetch is not None:
                tensors[key] = view(value, fetch)
            elif isinstance(value, Tensor):
                tensors[key] = value
            else:
                left.append(key)
        stripped, more = unprefixed(tensors)
    return Foreign(file, stripped, sha256_of(file), notes + more, left)


def _safetensors(head: bytes) -> bool:
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 40


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    try:
        with safe_open(file, framework="pt") as opened:
            return {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    except (SafetensorError, RuntimeError, ValueError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())[:80]
        raise Refused(f"a damaged or incomplete safetensors file ({reason}); fetch it anew") from error


def _what(head: bytes, file: Path) -> str:
    start = head.lstrip().lower()
    for magic, what in STARTS.items():
        if head.startswith(magic):
            return f"{what}; {EXPECTED}" if ";" not in what else f"it is {what}"
    if not head:
        return f"an empty file; {EXPECTED}"
    if head[257:262] == b"ustar":
        return f"a tar archive; unpack it and name the file of weights inside; {EXPECTED}"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return f"a web page, probably of a failed download; {EXPECTED}"
    if file.suffix.lower() == ".onnx":
        return f"an ONNX graph; {EXPECTED}"
    if start.startswith(b"{"):
        return f"a JSON file; {EXPECTED}"
    text = all(byte in b"\t\n\r" or 32 <= byte != 127 for byte in head)
    return f"{'a text file' if text else 'of no known format'}; {EXPECTED}"


def unwrap(found: Any) -> tuple[dict[str, Any], list[str]]:
    """The dictionary of tensors inside a checkpoint, and the names that led to it. · 取出检查点中的权重字典。

    >>> import torch
    >>> unwrap({"epoch": 3, "state_dict": {"w": torch.ones(1)}})
    ({'w': tensor([1.])}, ["from its 'state_dict'"])
    """
    notes: list[str] = []
    for _ in range(4):
        if not isinstance(found, dict):
            break
        texts = {key: value for key, value in found.items() if isinstance(key, str)}
        held = [key for key, value in texts.items() if isinstance(value, Stored | Tensor)]
        inner = next((k for k in WRAPPERS if isinstance(texts.get(k), dict) and texts[k]), None)
        if inner is None or len(held) > len(texts) / 2:
            if held:
                return texts, notes
            break
        notes.append(f"from its '{inner}'")
        found = texts[inner]
    if isinstance(found, Stored | Tensor):
        raise Refused("a single tensor; expected a state_dict, which has a name for each")
    kind = "an empty dictionary" if found == {} else f"no tensors, but a {type(found).__name__}"
    raise Refused(f"it holds {kind}; expected a state_dict: names and tensors")


def unprefixed(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The same without a prefix that all names share. · 去掉公共前缀。

    >>> import torch
    >>> unprefixed({"module.w": torch.ones(1)})
    ({'w': tensor([1.])}, ["without 'module.'"])
    """
    notes: list[str] = []
    while prefix := next((p for p in PREFIXES if tensors and all(k.startswith(p) for k in tensors)), ""):
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
        notes.append(f"without '{prefix}'")
    return tensors, notes
