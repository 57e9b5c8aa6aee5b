"""What leaves a run for use elsewhere: a function of named tensors, written down and tried. · 交付物：写出并核对。

Each kind of learning packs its own: numbers as its user has them go in, answers in the user's units come out, and what
has to be known besides is in the file. A script beside it uses it without chainrule.
"""

import json
import logging
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from inspect import signature
from os import PathLike
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.names import show
from ..errors import UserError, unknown
from ..gear import gear
from ..zoo.writing import write_weights

TARGETS = {"onnx": ".onnx", "torch": ".pt2", "safetensors": ".safetensors"}
NEEDS = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-5  # of the largest answer, or of 1 where all are smaller
BATCHES = (1, 3)  # sizes that an export is tried with; it is made with 2


@dataclass(frozen=True)
class Exported:
    """The files of an export, and what is to be known of it, a line each. · 导出的文件与说明。"""

    files: list[Path]
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sizes:
    """What may be of any size, and how that is tried; the first axis of each input always may. · 自由的维与核对方式。

    free input by input, axes beside the first → their name; most of a name, None for any; rows: numbers of rows that it
    is tried with, it is made with 2; told: the same in words
    """

    free: tuple[dict[int, str], ...] = ()
    most: Mapping[str, int | None] = field(default_factory=dict)
    rows: tuple[int, ...] = BATCHES
    told: str = "any batch"


@dataclass(frozen=True)
class Parcel:
    """A function to be written down, and what goes with it. · 待写出的函数及随附内容。

    module of the inputs, tensors named so in this order, to the outputs; example such inputs for a number of rows;
    facts JSON for the file; scripts form of export → text of the script beside it; stem of the file's name; lacks: why
    there is no script for a program
    """

    module: torch.nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    example: Callable[[int], tuple[Tensor, ...]]
    facts: dict[str, Any]
    scripts: Mapping[str, str] = field(default_factory=dict)
    stem: str = "model"
    sizes: Sizes = Sizes()
    lacks: str = ""

    def answer(self, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What it answers here. · 本地回答。"""
        with torch.no_grad():
            out = self.module(*given)
        return out if isinstance(out, tuple) else (out,)

    def shapes(self) -> tuple[Any, ...]:
        """The free axes of each input; inputs that a module takes as `*rest` stand in one. · 各输入的自由维。"""
        free = self.sizes.free or ({},) * len(self.inputs)
        dims = {of: torch.export.Dim(of, max=self.sizes.most.get(of)) for axes in free for of in axes.values()}
        rows = torch.export.Dim("N")
        each = [{0: rows} | {i: dims[of] for i, of in axes.items()} for axes in free]
        takes = signature(self.module.forward).parameters.values()
        if not any(p.kind is p.VAR_POSITIONAL for p in takes):
            return tuple(each)
        return (*each[: len(takes) - 1], tuple(each[len(takes) - 1 :]))


def check(to: str) -> None:
    """Refuse a form that is none, and one whose packages are not there. · 检查导出形式。"""
    if to not in TARGETS:
        raise unknown("form of export", to, list(TARGETS))
    if to == "onnx":
        missing()


def ship(run: Any, parcels: list[Parcel], to: str, fold_bn: bool, out: str | PathLike[str] | None) -> Exported:
    """Write a run's parcels in one form, tried against what it answers here. · 写出一次运行的交付物。

    The scripts are those of the first; weights are written once. out the folder (default: `export` in the run).
    Raises `UserError` for an unknown form, norms to fold, a missing package, a network that cannot be exported, answers
    that differ by more than 1e-5, and a folder that cannot be written; nothing is left then.
    """
    check(to)
    if fold_bn:
        raise UserError(f"fold_bn: {run.model} has no batch norm behind a layer that could take it in; leave it out")
    return deliver(run, parcels, run.network, to, out)


def deliver(
    run: Any, parcels: list[Parcel], network: torch.nn.Module, to: str, out: str | PathLike[str] | None
) -> Exported:
    """The same of a network that may be another form of the run's, its norms folded. · 写出，网络可为折叠后的形式。"""
    with made_in(folder_of(run, out)) as new:
        written = parcels[:1] if to == "safetensors" else parcels
        lines = [line for one in written for line in write(one, network, to, new)]
        if to in parcels[0].scripts:
            (new / f"use_{to}.py").write_text(parcels[0].scripts[to], encoding="utf-8")
        else:
            builds = f"without chainrule nothing builds {run.model} as it is here"
            lines.append(f"no script: {builds if to == 'safetensors' else parcels[0].lacks or builds}")
        names = sorted((path.name for path in new.iterdir()), key=lambda name: (name.endswith(".py"), name))
    return Exported([folder_of(run, out) / name for name in names], lines)


def folder_of(run: Any, out: str | PathLike[str] | None) -> Path:
    """Where an export lies. · 导出位置。"""
    return Path(out).expanduser() if out is not None else run.path / "export"


def write(parcel: Parcel, network: torch.nn.Module, to: str, folder: Path) -> list[str]:
    """The file of one form, and what to know of it. · 写出一种形式。"""
    path = folder / f"{parcel.stem}{TARGETS[to]}"
    if to != "safetensors":
        return [(_onnx if to == "onnx" else _program)(parcel, path)]
    lines = write_weights(network, path)
    path.with_suffix(".json").write_text(json.dumps(parcel.facts, ensure_ascii=False, indent=1), encoding="utf-8")
    return lines


def missing() -> None:
    """Refuse an export to ONNX where its packages are not installed. · 检查 ONNX 所需的包。"""
    if absent := [name for name in NEEDS if find_spec(name) is None]:
        raise UserError(f"export to ONNX needs {', '.join(absent)}: pip install 'chainrule[export]'")


@contextmanager
def made_in(folder: Path) -> Iterator[Path]:
    """A new folder whose files get their place only when all are there. Its faults are one line. · 整体写出。"""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new = Path(mkdtemp(prefix=".export-", dir=folder))
    except OSError as error:
        raise UserError(f"{show(folder)}: the export cannot be written ({error.strerror})") from error
    try:
        yield new
        for path in new.iterdir():
            shutil.copymode(folder, path) if path.is_dir() else path.chmod(0o644)
            path.replace(folder / path.name)
    except OSError as error:
        raise UserError(f"{show(folder)}: the export cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextmanager
def exporting() -> Iterator[None]:
    """torch's exporters warn of their own parts; what they made is tried. Twins become one node. · 导出环境。"""
    told = logging.getLogger("onnxscript")  # it tells what it does not fold
    before = told.level
    told.setLevel(logging.ERROR)
    with warnings.catch_warnings(), gear("twin"), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            told.setLevel(before)


def refused(error: Exception) -> UserError:
    """What an exporter says, in one line. · 导出失败的一行说明。"""
    first = " ".join(str(error).split())[:160]
    return UserError(f"the network cannot be exported: {type(error).__name__}: {first}")


def _onnx(parcel: Parcel, path: Path) -> str:
    import onnx
    import onnxruntime

    named: Any = {"input_names": list(parcel.inputs), "output_names": list(parcel.outputs)}
    try:
        with exporting():
            program = torch.onnx.export(
                parcel.module, parcel.example(2), dynamic_shapes=parcel.shapes(), verbose=False, **named
            )
        assert program is not None
        made = program.model_proto
    except Exception as error:  # whatever an exporter makes of a network of one's own
        raise refused(error) from error
    onnx.helper.set_model_props(
        made, {key: json.dumps(value, ensure_ascii=False) for key, value in parcel.facts.items()}
    )
    onnx.checker.check_model(made)
    onnx.save(made, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def answer(given: tuple[Tensor, ...]) -> list[Any]:
        return list(session.run(None, {name: x.numpy() for name, x in zip(parcel.inputs, given, strict=True)}))

    opset = next(entry.version for entry in made.opset_import if not entry.domain)
    worst, of = _tried(parcel, answer), parcel.sizes.told
    return f"checked onnxruntime's answers differ by {worst:.1e} at most (opset {opset}, {of})"


def _program(parcel: Parcel, path: Path) -> str:
    try:
        with exporting():
            program = torch.export.export(parcel.module, parcel.example(2), dynamic_shapes=parcel.shapes())
            told = {"facts.json": json.dumps(parcel.facts, ensure_ascii=False)}
            torch.export.save(program, path, extra_files=told)
            loaded = torch.export.load(path).module()
    except Exception as error:
        raise refused(error) from error

    def answer(given: tuple[Tensor, ...]) -> list[Any]:
        out = loaded(*given)
        return [x.detach().numpy() for x in (out if isinstance(out, tuple) else (out,))]

    return f"checked the program's answers differ by {_tried(parcel, answer):.1e} at most ({parcel.sizes.told})"


def _tried(parcel: Parcel, answer: Callable[[tuple[Tensor, ...]], list[Any]]) -> float:
    """The largest difference over some batches, as a part of the largest answer; refused above 1e-5."""
    worst = 0.0
    for size in parcel.sizes.rows:
        given = parcel.example(size)
        want = [x.numpy() for x in parcel.answer(given)]
        try:
            found = [np.asarray(x) for x in answer(given)]
        except Exception as error:  # the other runtime's own errors, for a graph that takes one size only
            raise refused(error) from error
        for one, other in zip(want, found, strict=True):
            worst = max(worst, float(np.abs(other - one).max(initial=0) / np.abs(one).max(initial=1)))
    if not worst <= TOLERANCE:
        raise UserError(f"the export answers otherwise than the run, by {worst:.1e}; expected at most {TOLERANCE:.0e}")
    return worst
