"""Whole training steps against torch.nn and torch.optim: forward, loss, backward, update.

Same networks (each of ours with its classes turned back into torch's), same weights, same batch. Torch's two ways are
the eager one with its fused optimizer, and the compiled network and loss with the same optimizer. Ours are the forms of
`learn.step`, which besides learning take the norm of the gradient and refuse an update that is not finite.
"""

import copy
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from harness import Row, Table, measure
from torch import Tensor

from chainrule import optim
from chainrule.gear import gear
from chainrule.learn.device import Device
from chainrule.learn.step import Form, Step
from chainrule.learn.supervised import Supervised
from chainrule.zoo.lenet import lenet5
from chainrule.zoo.mlp import mlp
from chainrule.zoo.resnet import resnet8

CLASSES = tuple("0123456789")
PEERS = ("torch eager", "torch compiled")
FORMS = {"auto": "no", "formula": "no", "compiled one": "one", "compiled two": "two"}
GOAL = {"best compiled": 1.0}
OPTIMIZERS: dict[str, dict[str, Any]] = {"SGD": {"lr": 1e-3, "momentum": 0.9}, "Adam": {"lr": 1e-4}}


class Net(NamedTuple):
    make: Callable[[], torch.nn.Module]
    shape: tuple[int, ...]


NETS = {
    "MLP 1024-512-256-10": Net(lambda: mlp(hidden=(512, 256)), (64, 1, 32, 32)),
    "LeNet-5": Net(lenet5, (64, 1, 32, 32)),
    "ResNet-8": Net(resnet8, (64, 3, 32, 32)),
}


def torchs(network: torch.nn.Module) -> torch.nn.Module:
    """The same network, weights and all, of torch's own modules."""
    network = copy.deepcopy(network)
    for module in network.modules():
        name = type(module).__name__  # a composite of another name stays: only its leaves compute
        own = (c for c in type(module).__mro__ if c.__module__.startswith("torch.nn.modules.") and c.__name__ == name)
        module.__class__ = next(own, type(module))
    return network


def torch_step(network: torch.nn.Module, optimizer: Any, compiled: bool) -> Callable[[Tensor, Tensor], float]:
    """The loop as torch's tutorials write it, down to the number one prints."""

    def forward(x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(network(x), y)

    loss_of: Any = torch.compile(forward, dynamic=False) if compiled else forward

    def step(x: Tensor, y: Tensor) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def forms(net: Net, optimizer: str, last: bool, notes: list[str]) -> dict[str, Callable[[], Any]]:
    """Every form with a network and optimizer of its own, compiled and run once; `notes` get what does not compile."""
    torch._dynamo.reset()  # else what other rows compiled counts as recompiling this
    torch.manual_seed(0)
    first, options = net.make().train(), OPTIMIZERS[optimizer]
    layout = torch.channels_last if last else torch.contiguous_format
    x, y = torch.randn(net.shape).to(memory_format=layout), torch.randint(len(CLASSES), net.shape[:1])
    calls: dict[str, Callable[[], Any]] = {}
    for peer in PEERS:
        own = torchs(first).to(memory_format=layout)
        made = getattr(torch.optim, optimizer)(own.parameters(), fused=True, **options)
        step = torch_step(own, made, compiled=peer == "torch compiled")
        calls[peer] = lambda step=step: step(x, y)
    for form, compiled in FORMS.items():
        own = copy.deepcopy(first)
        made = getattr(optim, optimizer)(own.parameters(), **options)
        ours = Step(own, Supervised("classification", CLASSES), made, Device("cpu"), None, Form(compiled, last))
        with within(form):
            note = ours.first([(x, y)])[1]
        if note:
            notes.append(f"{form}, {optimizer}{', channels_last' * last}: {note}.")
            continue
        calls[form] = lambda ours=ours: ours([(x, y)])
    return calls


def within(form: str):
    return gear("formula" if form == "formula" else "auto")


def row(name: str, optimizer: str, last: bool, seconds: float, notes: list[str]) -> Row:
    net = NETS[name]
    text = "×".join(map(str, net.shape)) + (" channels_last" if last else "")
    made = measure(f"{name}, {optimizer}", text, forms(net, optimizer, last, notes), PEERS, seconds, within)
    both = [form for form in made.ratios if FORMS[form] != "no"]
    if both:  # as torch is judged by the better of its two ways, and as `tune=true` chooses
        best = min(both, key=made.seconds.__getitem__)
        made.ratios["best compiled"], made.seconds["best compiled"] = made.ratios[best], made.seconds[best]
    return made


def run(seconds: float, only: Iterable[str] = ()) -> Table:
    """The table; `only`: networks or optimizers whose name begins so."""
    table = Table("steps", "Whole training steps: time of torch's two ways, speed of ours against the better one", GOAL)
    for name in NETS:
        for optimizer in OPTIMIZERS:
            if only and not any(n.startswith(o) for o in only for n in (name, optimizer)):
                continue
            for last in (False, True) if not name.startswith("MLP") else (False,):
                table.rows.append(row(name, optimizer, last, seconds * 3, table.notes))
    return table
