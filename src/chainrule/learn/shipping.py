"""A trained network as a file that others run: ONNX, a torch.export program, or weights. · 把训练好的网络交付出去。

What leaves is pixels in, answers out: the normalisation is the first node of the graph, and class names, size and how
images come to it are in the file. A script beside it uses it without chainrule.
"""

import json
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from .. import __version__
from ..data.names import show
from ..errors import UserError, unknown
from ..gear import gear
from ..nn.folding import fold_batch_norm
from ..zoo.published import TORCHVISION, WEIGHTS
from ..zoo.writing import write_weights
from .facts import Facts
from .scripts import script

if TYPE_CHECKING:
    from .images.run import ImageRun

TARGETS = {"onnx": "model.onnx", "torch": "model.pt2", "safetensors": "model.safetensors"}
NEEDS = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-5  # of the largest answer, or of 1 where all are smaller
BATCHES = (1, 3)  # sizes that an export is tried with; it is made with 2


@dataclass(frozen=True)
class Exported:
    """The files of an export, and what is to be known of it, a line each. · 导出的文件与说明。"""

    files: list[Path]
    lines: list[str] = field(default_factory=list)


class Shipped(torch.nn.Module):
    """Pixels in, answers out: a network behind the normalisation it was trained with. · 像素进、得分出。

    pixels uint8 [N, C, H, W]   out [N, O], a number for each class
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: torch.nn.Module, facts: Facts):
        super().__init__()
        mean, std = (torch.tensor(v, dtype=torch.float64)[:, None, None] for v in (facts.mean, facts.std))
        self.register_buffer("scale", (1 / (255 * std)).float())
        self.register_buffer("shift", (-mean / std).float())
        self.network, self.classes = network, len(facts.classes)

    def forward(self, pixels: Tensor) -> Tensor:
        out = self.network(pixels.float() * self.scale + self.shift)
        return out[:, : self.classes] if self.classes else out


def export(
    run: "ImageRun", to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None
) -> Exported:
    """Write a run's network for use elsewhere, tried against what it answers here. · 导出运行中的网络。

    to "onnx" (checked with onnxruntime), "torch" (a torch.export program) or "safetensors" with its facts as JSON
    fold_bn each batch norm folded into the layer before it; out the folder (default: `export` in the run)
    Raises `UserError` for an unknown form, a missing package, a network that cannot be exported, answers that differ by
    more than 1e-5, and a folder that cannot be written; nothing is left then.
    """
    if to not in TARGETS:
        raise unknown("form of export", to, list(TARGETS))
    if to == "onnx":
        missing()
    if to == "safetensors" and fold_bn:
        raise UserError("fold_bn: the names of a safetensors file leave no place for folded norms; use onnx or torch")
    folder = Path(out).expanduser() if out is not None else run.path / "export"
    with made_in(folder) as new:
        lines = _write(run, to, fold_bn, new)
        files = sorted(new.iterdir(), key=lambda path: path.suffix == ".py")
    return Exported([folder / path.name for path in files], lines)


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


def _write(run: "ImageRun", to: str, fold_bn: bool, folder: Path) -> list[str]:
    facts, network, file = run.facts, run.network, TARGETS[to]
    known = facts_of(run)
    lines: list[str] = []
    if to == "safetensors":
        lines += write_weights(network, folder / file)
        (folder / "model.json").write_text(json.dumps(known, ensure_ascii=False, indent=1), encoding="utf-8")
        if not _of_torchvision(run):
            return [*lines, f"no script: without chainrule nothing builds {run.model} as it is here"]
    else:
        x = torch.zeros(2, *facts.shape)
        if fold_bn:
            before = _norms(network)
            network = fold_batch_norm(network, x)
            lines.append(f"folded  {before - _norms(network)} of {before} batch norms into the layers before them")
        shipped = Shipped(network, facts).eval()
        made = _onnx if to == "onnx" else _program
        lines.append(made(shipped, known, folder / file))
    name = f"use_{to}.py"
    (folder / name).write_text(script(to, file, name, facts.fit), encoding="utf-8")
    return lines


def facts_of(run: "ImageRun") -> dict[str, Any]:
    """What a user of the file has to know. · 使用者需要知道的信息。"""
    f = run.facts
    eps = sorted({layer.eps for layer in run.network.modules() if isinstance(layer, _BatchNorm)})
    return {
        "model": run.model,
        "classes": list(f.classes),
        "shape": list(f.shape),
        "input": "pixels: uint8 [N, C, H, W], 0 to 255; the normalisation is inside, except in safetensors",
        "fit": f.fit,
        "mean": list(f.mean),
        "std": list(f.std),
        "norm_eps": eps,
        "made_by": f"chainrule {__version__}",
    }


def _norms(network: torch.nn.Module) -> int:
    return sum(isinstance(layer, _BatchNorm) for layer in network.modules())


def _of_torchvision(run: "ImageRun") -> bool:
    """Whether torchvision builds the very same network from name and number of classes."""
    here = run.model in WEIGHTS and WEIGHTS[run.model].url.startswith(TORCHVISION)
    return (
        here and not set(run.settings.model) - {"num_classes"} and run.facts.shape[0] == 3 and not run.begun.get("norm")
    )


@contextmanager
def exporting() -> Iterator[None]:
    """torch's exporters warn of their own parts; the twins become one node each. · 导出时的环境。"""
    with warnings.catch_warnings(), gear("twin"):
        warnings.filterwarnings("ignore", r".*isinstance\(treespec, LeafSpec\).*", FutureWarning)
        warnings.filterwarnings("ignore", r".*The axis name: \w+ will not be used", UserWarning)
        yield


def _batch(facts_shape: Sequence[int], size: int) -> Tensor:
    return torch.randint(0, 256, (size, *facts_shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(size))


def refused(error: Exception) -> UserError:
    """What an exporter says, in one line. · 导出失败的一行说明。"""
    first = " ".join(str(error).split())[:160]
    return UserError(f"the network cannot be exported: {type(error).__name__}: {first}")


def _onnx(shipped: Shipped, known: dict[str, Any], path: Path) -> str:
    import onnx
    import onnxruntime

    shapes, one = {"pixels": {0: torch.export.Dim("N")}}, (_batch(known["shape"], 2),)
    try:
        with exporting():
            program = torch.onnx.export(
                shipped, one, dynamic_shapes=shapes, input_names=["pixels"], output_names=["logits"], verbose=False
            )
        assert program is not None
        made = program.model_proto
    except Exception as error:  # whatever an exporter makes of a network of one's own
        raise refused(error) from error
    onnx.helper.set_model_props(made, {key: json.dumps(value, ensure_ascii=False) for key, value in known.items()})
    onnx.checker.check_model(made)
    onnx.save(made, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = _tried(shipped, known, lambda x: session.run(None, {"pixels": x.numpy()})[0])
    opset = next(entry.version for entry in made.opset_import if not entry.domain)
    return f"checked onnxruntime's answers differ by {worst:.1e} at most (opset {opset}, any batch)"


def _program(shipped: Shipped, known: dict[str, Any], path: Path) -> str:
    shapes = {"pixels": {0: torch.export.Dim("N")}}
    try:
        with exporting():
            program = torch.export.export(shipped, (_batch(known["shape"], 2),), dynamic_shapes=shapes)
            torch.export.save(program, path, extra_files={"facts.json": json.dumps(known, ensure_ascii=False)})
            loaded = torch.export.load(path).module()
    except Exception as error:
        raise refused(error) from error
    worst = _tried(shipped, known, lambda x: loaded(x).detach().numpy())
    return f"checked the program's answers differ by {worst:.1e} at most (any batch)"


@torch.no_grad()
def _tried(shipped: Shipped, known: dict[str, Any], answer: Any) -> float:
    """The largest difference over some batches, as a part of the largest answer; refused above 1e-5."""
    worst = 0.0
    for size in BATCHES:
        x = _batch(known["shape"], size)
        want = shipped(x).numpy()
        try:
            found = np.asarray(answer(x))
        except Exception as error:  # the other runtime's own errors, for a graph that takes one size only
            raise refused(error) from error
        worst = max(worst, float(np.abs(found - want).max() / max(1.0, np.abs(want).max())))
    if not worst <= TOLERANCE:
        raise UserError(f"the export answers otherwise than the run, by {worst:.1e}; expected at most {TOLERANCE:.0e}")
    return worst
