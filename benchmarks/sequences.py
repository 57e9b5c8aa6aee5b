"""Layers over sequences against torch's: recurrent layers, a decoder with attention, layers of a Transformer.

Same weights, same batch; forward alone as in use, and a training step: forward, backward, the update by SGD. Of each
side the best of its forms counts, as `tune=true` chooses by measuring: eager, the formulas' text, compiled. Recurrent
layers have no compiled form, for neither compiler makes them faster than the operators they call. Torch has no decoder
with attention and no peepholes: their equations are written down in `plain.py`, where the compiler takes one step, for
unrolled they compile for minutes.
"""

import copy
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import plain
import torch
from harness import Row, Table, measure
from modules import kept
from steps import torchs
from torch import Tensor

from chainrule import nn, optim
from chainrule.gear import gear
from chainrule.nn.attentive import attention_gru
from chainrule.zoo.seq2seq import AttentionSeq2Seq

PEERS = ("torch eager", "torch compiled")
QUICK = 0.5  # seconds a row: below, nothing is compiled, which takes longer than measuring
Call = Callable[[], Any]


class Case(NamedTuple):
    """A module of ours, how torch's is made of it, and what both are given."""

    name: str
    shape: str
    ours: torch.nn.Module
    theirs: Callable[[torch.nn.Module], torch.nn.Module]
    inputs: tuple[Any, ...]
    compiled: bool = True

    @property
    def whole(self) -> str:
        return f"{self.name} {self.shape}"


def recurrent(name: str, steps: int, rows: int, width: int, **options: Any) -> Case:
    made = getattr(nn, name)(width, width, **options)
    more = "".join(f", {key}" for key in options)
    return Case(f"{name}{more}", f"T={steps} N={rows} H={width}", made, torchs, (noise(steps, rows, width),), False)


def peepholes(steps: int, rows: int, width: int) -> Case:
    made = nn.PeepholeLSTM(width, width)
    shape = f"T={steps} N={rows} H={width}"
    return Case("LSTM with peepholes", shape, made, plain.PeepholeLSTM, (noise(steps, rows, width),))


def encoder(rows: int, steps: int, width: int, heads: int) -> Case:
    layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.1, batch_first=True)
    inputs = noise(rows, steps, width), None, padding(rows, steps)
    return Case("Transformer encoder layer", f"N={rows} T={steps} D={width}", layer, torchs, inputs)


def decoder(rows: int, steps: int, width: int, heads: int) -> Case:
    layer = nn.TransformerDecoderLayer(width, heads, 4 * width, 0.1, batch_first=True)
    hidden = torch.ones(steps, steps, dtype=torch.bool).triu(1)
    inputs = noise(rows, steps, width), noise(rows, steps, width), hidden, None, None, padding(rows, steps)
    return Case("Transformer decoder layer", f"N={rows} T={steps} D={width}", layer, torchs, inputs)


def attention(rows: int, source: int, target: int, width: int) -> Case:
    """The decoder alone: it is given what the encoder says of the source."""
    network = Looking(AttentionSeq2Seq(8, 8, width))
    inputs = noise(target, rows, width), noise(rows, source, 2 * width), noise(rows, width), ~padding(rows, source)
    shape = f"N={rows} S={source} T={target} H={width}"
    return Case("decoder with attention", shape, network, plain.AttentionDecoder.of, inputs)


class Looking(torch.nn.Module):
    """Of a translator what stands between the words read and the scores said."""

    def __init__(self, network: AttentionSeq2Seq):
        super().__init__()
        self.attention, self.cell = network.attention, network.cell

    def forward(self, words: Tensor, h: Tensor, s: Tensor, mask: Tensor) -> Tensor:
        look: Any = self.attention
        cell: Any = self.cell
        weights = look.query.weight, look.energy, cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
        out, context, _ = attention_gru(words, s, h, look.project(h), mask, *weights)
        return torch.cat([out, context], -1)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


def padding(rows: int, steps: int) -> Tensor:
    """True where hidden: sentences from half to the whole length."""
    ends = torch.linspace(steps / 2, steps, rows).round()
    return torch.arange(steps)[None] >= ends[:, None]


def cases() -> list[Case]:
    torch.manual_seed(0)
    sizes = ((20, 64, 256), (35, 20, 200), (200, 16, 128), (60, 1, 256))  # steps, sentences, width
    layers = [recurrent(name, *size) for name in ("RNN", "LSTM", "GRU") for size in sizes]
    layers += [recurrent("LSTM", 30, 32, 128, bidirectional=True), recurrent("GRU", 30, 32, 128, bidirectional=True)]
    layers += [peepholes(*size) for size in sizes[1:3]]
    looking = [attention(*size) for size in ((64, 15, 15, 256), (32, 40, 40, 256), (16, 100, 100, 128))]
    blocks = [
        make(*size) for make in (encoder, decoder) for size in ((64, 20, 128, 4), (16, 60, 256, 8), (4, 200, 256, 8))
    ]
    return [*layers, *looking, *blocks]


def training(module: torch.nn.Module, optimizer: Any, run: Callable[..., Any], inputs: tuple[Any, ...]) -> Call:
    """A step: the loss is the mean square of what comes out."""

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = first(run(*inputs)).square().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    module.train()
    return step


def first(out: Any) -> Tensor:
    return out[0] if isinstance(out, tuple) else out


def using(module: torch.nn.Module, run: Callable[..., Any], inputs: tuple[Any, ...]) -> Call:
    """What is said, no gradient wanted."""

    def answer() -> Tensor:
        with torch.no_grad():
            return first(run(*inputs))

    module.eval()
    return answer


def forms(case: Case, what: str, compiled: bool) -> dict[str, Call]:
    """Each form with weights of its own that begin alike."""
    calls: dict[str, Call] = {}
    names = ["torch eager", "auto", "formula", *(["torch compiled", "compiled"] if case.compiled and compiled else [])]
    for name in names:
        ours, module = not name.startswith("torch"), copy.deepcopy(case.ours)
        module = module if ours else case.theirs(module)
        run: Any = module
        if name.endswith("compiled"):
            steps = isinstance(module, plain.Unrolled)
            run = module.compiled() if steps else torch.compile(module, dynamic=False)
        if name == "compiled" and isinstance(case.ours, Looking | nn.PeepholeLSTM):
            continue  # the formula of the whole sentence is a loop, and its kernel no text for the compiler
        if what == "training":
            made = (optim.SGD if ours else torch.optim.SGD)(module.parameters(), lr=1e-4)
            calls[name] = training(module, made, run, case.inputs)
        else:
            calls[name] = using(module, run, case.inputs)
    return calls


def within(form: str):
    return gear("formula" if form == "formula" else "auto")


def row(case: Case, what: str, seconds: float) -> Row:
    torch._dynamo.reset()  # else what other rows compiled counts as recompiling this
    calls = forms(case, what, seconds >= QUICK)
    peers = tuple(peer for peer in PEERS if peer in calls)
    made = measure(f"{case.name}, {what}", case.shape, calls, peers, seconds, within)
    best = min(made.ratios, key=made.seconds.__getitem__)
    made.ratios["best"], made.seconds["best"] = made.ratios[best], made.seconds[best]
    return made


def memory(rows: int, steps: int, width: int) -> str:
    """What the scores of all pairs of two sentences keep for the way back."""
    x = noise(rows, steps, width).requires_grad_(), noise(rows, steps, width).requires_grad_()
    modules = [room.AdditiveAttention(width, width, width) for room in (plain, nn)]
    theirs, own = (kept(module, x) / 2**20 for module in modules)
    size = f"{steps}×{steps}×{width}"
    told = f"Additive attention of {size} keeps {own:.1f} MiB for its backward, in plain torch {theirs:.1f}"
    return f"{told}: {theirs / own:.0f} times as much."


def run(seconds: float, only: Iterable[str] = ()) -> Table:
    """The table; `only`: layers whose name begins so, training or inference."""
    table = Table("sequences", "Layers over sequences: time of torch's, speed of ours", {"best": 0.97})
    for case in cases():
        for what in ("training", "inference"):
            if not only or any(name.startswith(o) for o in only for name in (case.name, what)):
                table.rows.append(row(case, what, seconds))
    table.notes.append(memory(1, 200, 512))
    if seconds < QUICK:
        table.notes.append(f"With less than {QUICK} s a row nothing is compiled.")
    return table
