"""Generations: a training state saved whole or not at all. · 分代检查点：要么完整保存，要么不存。

A save writes a temporary folder, flushes each file, and renames the folder; so a kill at any moment leaves the old
generation or the new one. A load takes the newest generation of which every bit is as written.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor

from ..errors import UserError
from .durable import failure, sync_folder, write_new
from .manifest import MANIFEST, STATE, TENSORS, Damaged, explain, free_name, generations, seal, step_of, verify

_HIDDEN = ".tmp-"


@dataclass(frozen=True)
class Generation:
    """One verified checkpoint. · 一代已核对的检查点。

    step, tensors (on the CPU), state (JSON) as they were saved; path of the generation.
    """

    step: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]
    path: Path


def save(folder: Path, step: int, tensors: dict[str, Tensor], state: dict[str, Any], keep: int = 2) -> Path:
    """Save a new generation and prune the oldest. · 保存新的一代，并删去最旧的。

    folder   of the generations, made when missing
    step     at least 0; generations of later steps (an abandoned future) go
    tensors  any dtype, device, stride; may share memory: each is stored apart
    state    JSON with str keys; floats come back exactly (nan and inf too), tuples as lists
    keep     generations that verify, at least 2

    Raises `DiskFull` or `WriteFailed` (one line; the generations before are intact, nothing temporary is left),
    TypeError or ValueError for what cannot be stored.

    >>> import tempfile, torch
    >>> folder = Path(tempfile.mkdtemp())
    >>> save(folder, 7, {"w": torch.ones(2)}, {"epoch": 1}).name
    'step-000000007'
    >>> load(folder).state
    {'epoch': 1}
    """
    if step < 0 or keep < 2:
        raise ValueError(f"step={step} keep={keep}: expected step of at least 0 and keep of at least 2")
    files = {TENSORS: _pack(tensors), STATE: _json(state)}
    files[MANIFEST] = seal(step, files)
    try:
        _clear_leftovers(folder)
        made = _write(folder, step, files)
    except OSError as error:
        needed = sum(map(len, files.values()))
        raise failure(error, f"the checkpoint of step {step}", folder, needed) from error
    files.clear()
    _prune(folder, made, keep)
    return made


def _write(folder: Path, step: int, files: dict[str, bytes]) -> Path:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
    temporary = folder / f"{_HIDDEN}{os.getpid()}-{step}"
    try:
        temporary.mkdir()
        for name, data in files.items():
            write_new(temporary / name, data)
        sync_folder(temporary)
        final = free_name(folder, step)
        temporary.rename(final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder)
    return final


def _clear_leftovers(folder: Path) -> None:
    """What killed saves left; the run's lock sees to it that nobody is writing there now."""
    for path in folder.glob(f"{_HIDDEN}*"):
        shutil.rmtree(path, ignore_errors=True)


def _prune(folder: Path, newest: Path, keep: int) -> None:
    """Only what verifies counts as kept; all else that is older goes."""
    sound = 0
    for path in generations(folder):
        if step_of(path) > step_of(newest) or sound >= keep:
            _remove(path)
        elif path == newest or _verifies(path):
            sound += 1


def _remove(path: Path) -> None:
    # Renamed first: a kill in the middle then leaves no half generation under a valid name.
    hidden = path.with_name(f"{_HIDDEN}{path.name}")
    try:
        path.rename(hidden)
    except OSError:
        return
    shutil.rmtree(hidden, ignore_errors=True)


def _verifies(path: Path) -> bool:
    try:
        verify(path)
    except (Damaged, UserError):
        return False
    return True


def _pack(tensors: dict[str, Tensor]) -> bytes:
    """safetensors refuses strided and shared memory: such tensors are copied, the others are not."""
    seen: set[int] = set()
    packed = {}
    for name, tensor in tensors.items():
        if not isinstance(name, str) or name == "__metadata__":
            raise ValueError(f"tensor name {name!r}: expected a string other than '__metadata__'")
        flat = tensor.detach().to("cpu").resolve_conj().resolve_neg().contiguous()
        storage = flat.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != flat.nbytes:
            flat = flat.clone()
        seen.add(flat.untyped_storage().data_ptr())
        packed[name] = flat
    try:
        return safetensors.save(packed)
    except KeyError as error:
        raise TypeError(f"safetensors has no dtype {error}: convert the tensor first") from None


def _json(state: dict[str, Any]) -> bytes:
    _only_str_keys(state, "state")
    return json.dumps(state).encode()


def _only_str_keys(value: Any, where: str) -> None:
    """json would turn the key 0 into "0" without a word."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}: expected a string")
            _only_str_keys(inner, f"{where}[{key!r}]")
    elif isinstance(value, list | tuple):
        for inner in value:
            _only_str_keys(inner, where)


def load(folder: Path, warn: Callable[[str], None] = lambda line: None) -> Generation:
    """The newest generation that verifies. · 读取最新的完好一代。

    folder  of the generations, or one generation itself
    warn    is called with one line for each generation skipped: what is wrong with it, which is used instead

    Raises `UserError` when there is none, and when an intact one is of a newer schema.
    """
    folder = Path(folder)
    candidates = generations(folder) or ([folder] if step_of(folder) >= 0 and folder.exists() else [])
    if not candidates:
        raise UserError(f"no checkpoint in {folder}: {explain(folder)}; expected a chainrule run's checkpoints folder")
    skipped: list[tuple[Path, str]] = []
    for path in candidates:
        try:
            found = _unpack(path)
        except Damaged as damage:
            if path.exists():  # else a run in progress has pruned it since the listing
                skipped.append((path, str(damage)))
            continue
        for bad, reason in skipped:
            warn(f"checkpoint {bad.name} skipped: {reason}; using {path.name} instead")
        return found
    if not skipped:
        return load(folder, warn)
    reasons = "; ".join(f"{path.name}: {reason}" for path, reason in skipped)
    raise UserError(f"no usable checkpoint in {folder}: {reasons}; start the run anew or restore a backup")


def _unpack(path: Path) -> Generation:
    files = verify(path)
    try:
        tensors, state = safetensors.load(files[TENSORS]), json.loads(files[STATE])
    except (SafetensorError, ValueError) as error:
        raise Damaged(f"its files cannot be understood ({error})") from error
    return Generation(step_of(path), tensors, state, path)
