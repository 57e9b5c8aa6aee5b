"""What a generation must contain, bit for bit. · 一代检查点的清单：逐位核对。

A generation is a folder `step-000000123` with a manifest: the size and sha256 of each file, and the sha256 of the
manifest itself. So every flipped bit is found, which safetensors alone does not do (it has no checksum).
"""

import hashlib
import json
import os
import re
from pathlib import Path

from ..errors import UserError

SCHEMA = 1
TENSORS, STATE, MANIFEST = "tensors.safetensors", "state.json", "manifest.json"
_NAME = re.compile(r"step-(\d{9,})(?:-(\d{1,9}))?")
_LARGEST_MANIFEST = 1 << 16


class Damaged(Exception):
    """A generation that does not verify; the text says what is wrong. · 校验不符的一代。"""


def step_of(path: Path) -> int:
    """The step in a generation's name. · 名称中的步数。

    >>> step_of(Path("step-000000123-2"))
    123
    """
    return _order(path)[0]


def _order(path: Path) -> tuple[int, int]:
    match = _NAME.fullmatch(path.name)
    return (int(match[1]), int(match[2] or 1)) if match else (-1, 0)


def generations(folder: Path) -> list[Path]:
    """All generations in a folder, newest first, damaged ones too. · 所有代，新者在前。"""
    try:
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except (OSError, ValueError):  # `explain` says which
        return []
    return sorted(found, key=_order, reverse=True)


def free_name(folder: Path, step: int) -> Path:
    """A name for a new generation that sorts after all others of its step. · 新一代的名称。"""
    taken = [_order(path)[1] for path in generations(folder) if step_of(path) == step]
    return folder / (f"step-{step:09d}" + (f"-{max(taken) + 1}" if taken else ""))


def _text(body: dict) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def seal(step: int, files: dict[str, bytes]) -> bytes:
    """The manifest of these files. · 生成清单。

    >>> seal(3, {})[:17]
    b'{"files":{},"form'
    """
    entries = {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in files.items()}
    body = {"format": "chainrule checkpoint", "schema": SCHEMA, "step": step, "files": entries}
    return _text({**body, "sha256": hashlib.sha256(_text(body)).hexdigest()})


def _read(path: Path, most: int) -> bytes:
    """At most `most` bytes and one more, which shows that the file is longer; or why it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(min(most, os.fstat(file.fileno()).st_size) + 1)
    except FileNotFoundError:
        raise Damaged(f"{path.name} is missing") from None
    except NotADirectoryError:
        raise Damaged("it is a file, not a folder") from None
    except OSError as error:
        raise Damaged(f"{path.name} cannot be read: {error.strerror}") from None


def _manifest(path: Path) -> dict:
    raw = _read(path / MANIFEST, _LARGEST_MANIFEST)
    try:
        body = json.loads(raw)
        seal_found = body.pop("sha256")
        fits = hashlib.sha256(_text(body)).hexdigest() == seal_found and _text({**body, "sha256": seal_found}) == raw
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        fits, body = False, {}
    if not fits:
        raise Damaged(f"{MANIFEST} is damaged or of another program")
    schema = body.get("schema")
    if body.get("format") != "chainrule checkpoint" or not isinstance(schema, int) or schema < 1:
        raise Damaged(f"{MANIFEST} is of another program")
    if schema > SCHEMA:
        # Going back to an older generation here would throw away the newer program's work: stop instead.
        raise UserError(
            f"checkpoint {path} has schema {schema}, this chainrule reads up to {SCHEMA}: upgrade chainrule"
        )
    return body


def verify(path: Path) -> dict[str, bytes]:
    """The files of a generation, every bit as it was written. · 读取并逐位核对一代检查点。

    Raises `Damaged` with what is wrong; `UserError` when an intact manifest has a newer schema.
    """
    body = _manifest(path)
    if body.get("step") != step_of(path):
        raise Damaged(f"{MANIFEST} says step {body.get('step')}, the folder says {step_of(path)}")
    files = body.get("files")
    if not isinstance(files, dict) or sorted(files) != sorted((TENSORS, STATE)):
        raise Damaged(f"{MANIFEST} lists other files than {TENSORS} and {STATE}")
    return {name: _verified(path / name, entry) for name, entry in files.items()}


def _verified(path: Path, entry: dict) -> bytes:
    size = entry["size"]
    data = _read(path, size)
    if len(data) != size:
        wrong = "truncated" if len(data) < size else "longer than it was written"
        raise Damaged(f"{path.name} is {wrong} ({path.stat().st_size} bytes, the manifest says {size})")
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise Damaged(f"{path.name} is damaged (its sha256 differs)")
    return data


def explain(path: Path) -> str:
    """What a path that holds no generation is, for the error line. · 说明该路径为何不是检查点。"""
    try:
        if path.is_dir():
            names = sorted(child.name for child in path.iterdir())
            listed = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
            return f"no generation (step-…) among {listed}" if names else "the folder is empty"
        with path.open("rb") as file:
            return _kind(file.read(256))
    except (FileNotFoundError, ValueError):
        return "it does not exist"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def _kind(head: bytes) -> str:
    start = head.lstrip().lower()
    if not head:
        return "it is an empty file"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page, probably of a failed download"
    if start.startswith(b"version https://git-lfs"):
        return "it is a git-lfs pointer: run `git lfs pull`"
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return "it is a pickle file (torch.save), which chainrule never reads"
    return "it is a single file"
