"""Networks for images against the same ones of torch.nn: a training step, and inference.

Same architecture (each of ours with its classes turned back into torch's), same weights, same batch. Both sides have
the same three forms, eager, channels_last and compiled (in channels_last), and what counts is the best of each side:
compiler and memory order help one network and hinder another, and `tune=true` chooses between them by measuring.
Inference of ours may fold the norms into the convolutions (`fold_bn`); onnxruntime, which does so too, is a peer there.
Dropout and stochastic depth are left out: they draw. Images are small, as the networks take any size.
"""

import copy
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from harness import Row, Table, measure
from steps import CLASSES, torch_step, torchs
from torch import Tensor

from chainrule import optim
from chainrule.catalog import MODELS
from chainrule.gear import gear
from chainrule.learn.device import Device
from chainrule.learn.step import Form, Step
from chainrule.learn.supervised import Supervised
from chainrule.nn import Dropout, StochasticDepth
from chainrule.nn.folding import fold_batch_norm

SGD = {"lr": 1e-4, "momentum": 0.9}
FORMS = {  # ours, torch's of the same kind
    ("auto", "torch eager"): Form(),
    ("channels_last", "torch channels_last"): Form("no", True),
    ("compiled", "torch compiled"): Form("one", True),
}
PEERS = (*(peer for _, peer in FORMS), "onnxruntime")
QUICK = 0.5  # seconds a row: below, nothing is compiled or exported, which takes longer than measuring
Calls = dict[str, Callable[[], Any]]


class Net(NamedTuple):
    name: str
    shape: tuple[int, ...]

    def make(self) -> torch.nn.Module:
        torch.manual_seed(0)
        network = MODELS[self.name].load()(num_classes=len(CLASSES))
        for name, module in list(network.named_modules()):
            if isinstance(module, Dropout | StochasticDepth):
                network.set_submodule(name, torch.nn.Identity())
        return network

    def inputs(self) -> Tensor:
        return torch.randn(self.shape, generator=torch.Generator().manual_seed(0))


NETS = [
    Net("resnet20", (64, 3, 32, 32)),
    Net("resnet18", (16, 3, 64, 64)),
    Net("resnet50", (8, 3, 64, 64)),
    Net("vgg11", (8, 3, 64, 64)),
    *[Net(name, (16, 3, 64, 64)) for name in ("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small")],
    Net("efficientnet_b0", (8, 3, 64, 64)),
]


def layout(last: bool) -> Any:
    return torch.channels_last if last else torch.contiguous_format


def training(net: Net, compiled: bool, notes: list[str]) -> Calls:
    """A step of each form, with a network and optimizer of its own, run once; `notes` get what does not compile."""
    first, y = net.make().train(), torch.arange(net.shape[0]) % len(CLASSES)
    calls: Calls = {}
    for (form, peer), kind in FORMS.items():
        if kind.compiled != "no" and not compiled:
            continue
        x = net.inputs().to(memory_format=layout(kind.channels_last))
        theirs = torchs(first).to(memory_format=layout(kind.channels_last))
        made = torch.optim.SGD(theirs.parameters(), fused=True, **SGD)
        step = torch_step(theirs, made, kind.compiled != "no")
        calls[peer] = lambda step=step, x=x: step(x, y)
        own = copy.deepcopy(first)
        mine = Step(
            own, Supervised("classification", CLASSES), optim.SGD(own.parameters(), **SGD), Device("cpu"), None, kind
        )
        if said := mine.first([(x, y)])[1]:
            notes.append(f"{net.name}, {form}: {said}.")
            continue
        calls[form] = lambda mine=mine, x=x: mine([(x, y)])
    return calls


def inference(net: Net, compiled: bool) -> Calls:
    """The answers of each form."""
    first, x = net.make().eval(), net.inputs()
    folded = fold_batch_norm(first, x)
    calls: Calls = {}
    for (form, peer), kind in FORMS.items():
        if kind.compiled != "no" and not compiled:
            continue
        for name, network in ((peer, torchs(first)), (form, copy.deepcopy(first)), (f"{form}, folded", folded)):
            network = copy.deepcopy(network).to(memory_format=layout(kind.channels_last))
            run = torch.compile(network, dynamic=False) if kind.compiled != "no" else network
            given = x.to(memory_format=layout(kind.channels_last))
            calls[name] = lambda run=run, given=given: answer(run, given)
    if compiled:
        calls["onnxruntime"] = session(first, x)
    return calls


@torch.no_grad()
def answer(network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return network(x)


def session(network: torch.nn.Module, x: Tensor) -> Callable[[], Any]:
    """The network in onnxruntime, with as many threads as torch has here."""
    import onnxruntime

    with warnings.catch_warnings(), gear("twin"):
        warnings.simplefilter("ignore", FutureWarning)  # torch's exporter warns of its own parts
        program = torch.onnx.export(network, (x,), input_names=["x"], verbose=False)
    assert program is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    made = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    given = {"x": x.numpy()}
    return lambda: made.run(None, given)[0]


def row(net: Net, what: str, seconds: float, notes: list[str]) -> Row:
    torch._dynamo.reset()  # else what other rows compiled counts as recompiling this
    compiled = seconds >= QUICK
    calls = training(net, compiled, notes) if what == "training" else inference(net, compiled)
    made = measure(
        f"{net.name}, {what}",
        "×".join(map(str, net.shape)),
        calls,
        tuple(peer for peer in PEERS if peer in calls),
        seconds,
    )
    best = min(made.ratios, key=made.seconds.__getitem__)
    made.ratios["best"], made.seconds["best"] = made.ratios[best], made.seconds[best]
    return made


def run(seconds: float, only: Iterable[str] = ()) -> Table:
    """The table; `only`: networks whose name begins so, training or inference."""
    table = Table("vision", "Networks for images: time of torch.nn and onnxruntime, speed of ours", {"best": 1.0})
    for net in NETS:
        for what in ("training", "inference"):
            if not only or any(name.startswith(o) for o in only for name in (net.name, what)):
                table.rows.append(row(net, what, seconds, table.notes))
    if seconds < QUICK:
        table.notes.append(f"With less than {QUICK} s a row nothing is compiled or exported.")
    return table
