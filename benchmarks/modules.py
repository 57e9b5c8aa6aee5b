"""Every module of chainrule.nn, forward and backward, against torch's own of that name, eager.

Same seed, same weights, same inputs; each gear has its column, `kernel` where one is registered. `auto` is what runs
unless somebody asks for another gear. The attention of recurrent translators, which torch has no module of, stands
against its equations written down in torch (`plain.py`).
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import plain
import torch
from harness import Row, Table, measure
from torch import Tensor

from chainrule import nn as ours
from chainrule.formula import REGISTRY
from chainrule.gear import gear

GOAL, FLOOR = 0.97, 50e-6
UNMATCHED = {  # what torch has no module of, and what holds no mathematics
    *("DepthwiseSeparableConv2d", "PartialConv2d", "RadialBasis", "ScaledTanh", "Subsample2d", "StochasticDepth"),
    *("SinusoidalPositions", "PeepholeLSTM"),
    *("ChebConv", "GATConv", "GCNConv", "GINConv", "SAGEConv"),  # their peer is PyTorch Geometric
    *("Flatten", "Identity", "ModuleDict", "ModuleList", "Sequential", "Unflatten"),
}


class Case(NamedTuple):
    """A module by name, its constructor's arguments, and what it is given: shapes, or functions that make a tensor.

    A module among the arguments is a case itself.
    """

    module: str
    args: tuple
    inputs: tuple = ()
    options: dict[str, Any] = {}

    @property
    def name(self) -> str:
        args = [arg.module if isinstance(arg, Case) else str(arg) for arg in self.args]
        return f"{self.module}({', '.join([*args, *(f'{k}={v}' for k, v in self.options.items())])})"

    @property
    def text(self) -> str:
        return "×".join(map(str, tensor(self.inputs[0]).shape))


def tensor(what: Any) -> Tensor:
    return what() if callable(what) else torch.randn(what, requires_grad=True)


def classes(n: int, *shape: int) -> Callable[[], Tensor]:
    return lambda: torch.randint(n, shape)


def probabilities(*shape: int) -> Tensor:
    return torch.rand(*shape).clamp(0.01, 0.99).requires_grad_()


PLANES, ROWS, LINE = (32, 64, 32, 32), (128, 4096), (32, 64, 512)
STEPS, SENTENCES, WORDS = (35, 32, 128), (32, 64, 256), (32, 30, 256)  # time first, samples first, samples first
STILL = {"dropout": 0.0, "batch_first": True}
ENCODER = Case("TransformerEncoderLayer", (256, 8, 1024), (SENTENCES,), STILL)
DECODER = Case("TransformerDecoderLayer", (256, 8, 1024), (WORDS, SENTENCES), STILL)

CASES = [
    Case("Linear", (1024, 128), ((64, 1024),)),
    Case("Linear", (512, 2048), ((256, 512),)),
    Case("Conv1d", (64, 64, 5), (LINE,), {"padding": 2}),
    Case("Conv2d", (1, 6, 5), ((64, 1, 32, 32),)),
    Case("Conv2d", (16, 16, 3), ((64, 16, 32, 32),), {"padding": 1}),
    Case("Conv2d", (64, 128, 3), ((8, 64, 28, 28),), {"padding": 1, "stride": 2}),
    Case("Conv2d", (64, 64, 3), ((16, 64, 28, 28),), {"padding": 1, "groups": 64}),
    Case("ConvTranspose2d", (64, 32, 4), ((8, 64, 16, 16),), {"stride": 2, "padding": 1}),
    Case("MaxPool1d", (2,), (LINE,)),
    Case("MaxPool2d", (2,), ((64, 6, 28, 28),)),
    Case("MaxPool2d", (3, 2, 1), (PLANES,)),
    Case("AvgPool1d", (2,), (LINE,)),
    Case("AvgPool2d", (2,), (PLANES,)),
    Case("AdaptiveAvgPool2d", (1,), (PLANES,)),
    Case("AdaptiveAvgPool2d", (7,), (PLANES,)),
    Case("AdaptiveMaxPool2d", (7,), (PLANES,)),
    Case("Upsample", (), ((16, 32, 16, 16),), {"scale_factor": 2}),
    Case("Upsample", (), ((16, 32, 16, 16),), {"scale_factor": 2, "mode": "bilinear"}),
    Case("ZeroPad2d", (2,), (PLANES,)),
    Case("ReflectionPad2d", (2,), (PLANES,)),
    Case("BatchNorm1d", (4096,), (ROWS,)),
    Case("BatchNorm2d", (64,), (PLANES,)),
    Case("InstanceNorm2d", (64,), (PLANES,), {"affine": True}),
    Case("GroupNorm", (8, 64), (PLANES,)),
    Case("LayerNorm", (4096,), (ROWS,)),
    Case("RMSNorm", (4096,), (ROWS,)),
    Case("LocalResponseNorm", (5,), ((8, 64, 28, 28),)),
    Case("Dropout", (0.5,), (ROWS,)),
    Case("Dropout2d", (0.5,), (PLANES,)),
    Case("Embedding", (10000, 128), (classes(10000, 64, 128),)),
    *[
        Case(name, (), (ROWS,))
        for name in ("Sigmoid", "Tanh", "ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "SiLU", "Mish", "GELU")
    ],
    *[Case(name, (), (ROWS,)) for name in ("Softplus", "Hardtanh", "Hardsigmoid", "Hardswish")],
    Case("Softmax", (-1,), (ROWS,)),
    Case("LogSoftmax", (-1,), (ROWS,)),
    *[Case(name, (), (ROWS, ROWS)) for name in ("MSELoss", "L1Loss", "HuberLoss", "SmoothL1Loss")],
    Case("CrossEntropyLoss", (), ((64, 10), classes(10, 64))),
    Case("CrossEntropyLoss", (), ((512, 1000), classes(1000, 512))),
    Case("NLLLoss", (), ((512, 1000), classes(1000, 512))),
    Case("BCELoss", (), (partial(probabilities, *ROWS), lambda: torch.rand(ROWS))),
    Case("BCEWithLogitsLoss", (), (ROWS, lambda: torch.rand(ROWS))),
    Case("KLDivLoss", (), (ROWS, lambda: torch.rand(ROWS)), {"reduction": "batchmean"}),
    *[Case(name, (64, 128), ((64, 64),)) for name in ("RNNCell", "LSTMCell", "GRUCell")],
    *[Case(name, (128, 128), (STEPS,)) for name in ("RNN", "LSTM", "GRU")],
    *[Case(name, (28, 64), ((64, 28, 28),), {"batch_first": True}) for name in ("RNN", "LSTM", "GRU")],
    Case("LSTM", (128, 256), ((10, 8, 128),), {"num_layers": 2, "bidirectional": True}),
    Case("MultiheadAttention", (64, 4), ((32, 16, 64),) * 3, {"batch_first": True}),
    Case("MultiheadAttention", (256, 8), (SENTENCES,) * 3, {"batch_first": True}),
    ENCODER,
    Case("TransformerEncoderLayer", (64, 4, 128), ((32, 16, 64),), {**STILL, "norm_first": True}),
    DECODER,
    Case("TransformerEncoder", (ENCODER, 2), (SENTENCES,)),
    Case("TransformerDecoder", (DECODER, 2), (WORDS, SENTENCES)),
    Case("Transformer", (64, 4, 1, 1, 128), ((32, 16, 64), (32, 12, 64)), STILL),
    Case("AdditiveAttention", (256, 256, 128), (WORDS, WORDS)),
    Case("AdditiveAttention", (256, 256, 256), (SENTENCES, SENTENCES)),
    Case("LuongAttention", (256, 256), (WORDS, WORDS)),
]


def build(case: Case, torchs: bool) -> torch.nn.Module:
    """The case's module, torch's or ours; of the same seed with the same weights."""
    args = [build(arg, torchs) if isinstance(arg, Case) else arg for arg in case.args]
    room = ours if not torchs else plain if hasattr(plain, case.module) else torch.nn
    return getattr(room, case.module)(*args, **case.options)


def answer(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    """What it gives, or the first of several things."""
    out = module(*inputs)
    return out[0] if isinstance(out, tuple) else out


def both(module: torch.nn.Module, inputs: tuple[Tensor, ...], wanted: list[Tensor], δ: Tensor) -> None:
    """Forward and backward once."""
    torch.autograd.grad(answer(module, inputs), wanted, δ)


def kept(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Bytes that a forward keeps for its backward, parameters aside, each storage once."""
    own = {p.untyped_storage().data_ptr() for p in module.parameters()}
    seen: dict[int, int] = {}

    def pack(x: Tensor) -> Tensor:
        seen[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        out = answer(module, inputs)
    assert out.requires_grad
    return sum(size for at, size in seen.items() if at not in own)


def calls(case: Case) -> dict[str, Callable[[], None]]:
    """Torch's and each gear's, with equal weights on equal inputs."""
    torch.manual_seed(0)
    inputs = tuple(tensor(what) for what in case.inputs)
    out: dict[str, Callable[[], None]] = {}
    for form in ("torch", "auto", "formula", *(["kernel"] if has_kernel(case.module) else [])):
        torch.manual_seed(0)
        module = build(case, torchs=form == "torch")
        wanted = [*(x for x in inputs if x.requires_grad), *module.parameters()]
        δ = torch.randn_like(answer(module, inputs))
        out[form] = partial(both, module, inputs, wanted, δ)
    return out


def has_kernel(module: str) -> bool:
    """Whether a kernel is registered on a formula of the room that the module comes from."""
    room = getattr(ours, module).__module__
    return any(card.kernels for card in REGISTRY.values() if card.room == room)


def within(form: str):
    return gear("auto" if form == "torch" else form)


def row(case: Case, seconds: float) -> Row:
    return measure(case.name, case.text, calls(case), ("torch",), seconds, within)


def run(seconds: float, only: Iterable[str] = ()) -> Table:
    """The table; `only`: names of modules."""
    table = Table(
        "modules", "Modules, forward and backward, eager: time of torch.nn, speed of ours", {"auto": GOAL}, FLOOR
    )
    chosen = [case for case in CASES if not only or case.module in only]
    table.rows = [row(case, seconds) for case in chosen]
    table.notes = [memory(case) for case in chosen if hasattr(plain, case.module)]
    return table


def memory(case: Case) -> str:
    """What is kept for the backward, plain and ours."""
    inputs = tuple(tensor(what) for what in case.inputs)
    theirs, own = (kept(build(case, torchs), inputs) / 2**20 for torchs in (True, False))
    return f"{case.name}, {case.text}, keeps {own:.1f} MiB for its backward; its equations in plain torch {theirs:.1f}."
