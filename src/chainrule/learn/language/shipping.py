"""A language model as an ONNX file, with what turns text into its ids and back. · 把语言模型导出为 ONNX。

A recurrent model leaves as one step: a token and the state go in, log-probabilities and the state come out. A
Transformer leaves whole: up to data.steps tokens go in, log-probabilities of what comes behind each come out. Both are
tried against what the run answers; the vocabulary is in the file, and a script beside it goes on with a text.
"""

import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ... import __version__
from ...data.text.normal import Normal
from ...errors import UserError
from ...nn.gru import gru_cell
from ...nn.lstm import lstm_cell
from ...nn.rnn import rnn_cell
from ...zoo.language_model import RecurrentLanguageModel
from ..parcel import BATCHES, TOLERANCE, Exported, exporting, folder_of, made_in, missing, refused
from .script import pattern, script

if TYPE_CHECKING:
    from .run import LanguageRun

FILE, USE = "model.onnx", "use_onnx.py"
_CELLS: dict[str, Any] = {"LST": lstm_cell, "GRU": gru_cell, "RNN": rnn_cell}  # an exporter knows no whole recurrence


class OneStep(torch.nn.Module):
    """A recurrent model as a function of one token. · 循环模型的一步。

    token [N], state parts [N, L, H]; log_p [N, V], state
    """

    def __init__(self, model: RecurrentLanguageModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, token: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        model, layers = self.model, self.model.layers
        x, after = model.embedding(token), []
        for level, weights in enumerate(layers.all_weights):
            before = [part[:, level] for part in state]
            now = _CELLS[layers.mode[:3]](x, *before, *weights)
            after.append(now if isinstance(now, tuple) else (now,))
            x = after[-1][0]
        return model.out(x).log_softmax(-1), *(torch.stack(parts, 1) for parts in zip(*after, strict=True))


class Whole(torch.nn.Module):
    """A Transformer as a function of all tokens. · 整段输入的 Transformer。

    tokens [N, T], T at most data.steps; log_p [N, T, V]
    """

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> tuple[Tensor]:
        return (self.model(tokens)[0].log_softmax(-1),)


def export(
    run: "LanguageRun", to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None
) -> Exported:
    """Write a run's language model as ONNX, tried against what it answers here. · 导出语言模型。

    out: the folder (default: `export` in the run). Raises `UserError` for another form, a missing package, answers that
    differ by more than 1e-5, and a folder that cannot be written; nothing is left then.
    """
    if to != "onnx" or fold_bn:
        what = "fold_bn" if fold_bn else f"to={to}"
        raise UserError(f"{what}: a language model is exported as onnx, and has no batch norm; leave it out")
    missing()
    folder = folder_of(run, out)
    with made_in(folder) as new:
        lines = _write(run, new)
        files = sorted(new.iterdir(), key=lambda path: path.suffix == ".py")
    return Exported([folder / path.name for path in files], lines)


def _write(run: "LanguageRun", folder: Path) -> list[str]:
    import onnx

    network, facts = run.network, run.facts
    shipped = OneStep(network) if isinstance(network, RecurrentLanguageModel) else Whole(network)
    inputs, named, shapes = _inputs(shipped, facts.steps, 2)
    outputs = ["log_p", *(f"{name}_after" for name in named[1:])]
    try:
        with exporting():
            program = torch.onnx.export(
                shipped.eval(), inputs, dynamic_shapes=shapes, input_names=named, output_names=outputs, verbose=False
            )
        assert program is not None
        made = program.model_proto
    except Exception as error:
        raise refused(error) from error
    reader, normal = facts.reader, Normal.parse(facts.normalise)
    told = {
        "model": run.model,
        "tokens": facts.tokens,
        "vocabulary": list(facts.vocabulary),
        "merges": list(facts.merges),
        "pattern": pattern(reader),
        "form": normal.form.upper(),
        "lower": normal.lower,
        "steps": facts.steps,
        "state": [list(x.shape[1:]) for x in inputs[1:]],
        "made_by": f"chainrule {__version__}",
    }
    onnx.helper.set_model_props(made, {key: json.dumps(value, ensure_ascii=False) for key, value in told.items()})
    onnx.checker.check_model(made)
    onnx.save(made, folder / FILE)
    worst = _tried(shipped, folder / FILE, facts.steps)
    opset = next(entry.version for entry in made.opset_import if not entry.domain)
    what = "a step, state in and out" if len(named) > 1 else f"up to {facts.steps} tokens"
    lines = [f"checked onnxruntime's answers differ by {worst:.1e} at most (opset {opset}, {what}, any batch)"]
    if text := script(reader, normal, FILE, USE):
        (folder / USE).write_text(text, encoding="utf-8")
        return lines
    return [*lines, f"no script: without chainrule nothing reads texts by tokens={facts.tokens}, {normal}"]


def _inputs(shipped: Any, steps: int, size: int) -> tuple[tuple[Tensor, ...], list[str], Any]:
    """Example inputs, their names, and which of their sizes are free."""
    draw = torch.Generator().manual_seed(size)
    free = torch.export.Dim("N")
    words = shipped.model.out.out_features
    if isinstance(shipped, Whole):
        length = steps if size == 1 else max(1, steps // 2)
        tokens = torch.randint(4, words, (size, length), generator=draw)
        dims = {0: free} if steps < 3 else {0: free, 1: torch.export.Dim("T", max=steps)}
        return (tokens,), ["tokens"], (dims,)
    layers = shipped.model.layers
    names = ["h", "c"] if layers.mode == "LSTM" else ["h"]
    token = torch.randint(4, words, (size,), generator=draw)
    state = tuple(torch.randn(size, layers.num_layers, layers.hidden_size, generator=draw) for _ in names)
    return (token, *state), ["token", *names], ({0: free}, tuple({0: free} for _ in names))


@torch.no_grad()
def _tried(shipped: OneStep | Whole, path: Path, steps: int) -> float:
    """The largest difference over some batches, as a part of the largest answer; refused above 1e-5."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names, worst = [entry.name for entry in session.get_inputs()], 0.0
    for size in BATCHES:
        inputs = _inputs(shipped, steps, size)[0]
        found = session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})
        for want, answer in zip(shipped(*inputs), found, strict=True):
            worst = max(worst, float(np.abs(np.asarray(answer) - want.numpy()).max() / max(1.0, want.abs().max())))
    if not worst <= TOLERANCE:
        raise UserError(f"the export answers otherwise than the run, by {worst:.1e}; expected at most {TOLERANCE:.0e}")
    return worst
