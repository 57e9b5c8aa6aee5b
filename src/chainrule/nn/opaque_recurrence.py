"""Recurrences as the compiler sees them: operators that it calls as they are. · 编译器眼中的循环：原样调用的算子。

Traced, a recurrence is unrolled: twelve steps took 50 s to compile. As a custom operator it stays whole: forward by
torch's operator or the formula's text, as the gear has it, backward by the formula's own rule.
"""

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..formula import Card
from ..gear import local

TYPES = {"nonlinearity": "str"}  # whatever else is no tensor


def low(*values: Any) -> tuple[Any, ...]:
    """Under autocast all of a recurrence is computed in its dtype; torch's operators differ there in what they cast."""
    device = values[0].device.type
    if not torch.is_autocast_enabled(device):
        return values
    dtype = torch.get_autocast_dtype(device)
    return tuple(v.to(dtype) if isinstance(v, Tensor) and v.is_floating_point() else v for v in values)


def sequence_of_torch(
    operator: Callable, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor | None], lengths: Tensor | None
) -> tuple[Tensor, ...]:
    """One layer in one direction by torch's operator: out, then each state at its end. · torch 的单层单向循环。

    weights  as the formula has them: weight_ih, weight_hh, bias_ih, bias_hh, weight_hr; None where there is none
    """
    x, *rest = low(x, *states, *weights)
    given, biased = [w for w in rest[len(states) :] if w is not None], weights[2] is not None
    hx = [s[None] for s in rest[: len(states)]]
    with torch.autocast(x.device.type, enabled=False), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
        if lengths is None:
            out, *last = operator(x, hx if len(hx) > 1 else hx[0], given, biased, 1, 0.0, False, False, False)
            return (out, *[s[0] for s in last])
        order = lengths.argsort(descending=True, stable=True)
        back = order.argsort()
        data, sizes, *_ = torch.nn.utils.rnn.pack_padded_sequence(x[:, order], lengths[order].cpu())
        hx = [s[:, order] for s in hx]
        out, *last = operator(data, sizes, hx if len(hx) > 1 else hx[0], given, biased, 1, 0.0, False, False)
        whole = torch.nn.utils.rnn.PackedSequence(out, sizes)
        out = torch.nn.utils.rnn.pad_packed_sequence(whole, total_length=x.shape[0])[0]
        return (out[:, back], *[s[0][back] for s in last])


class Opaque:
    """The formula of a whole sequence as one operator. · 把整条序列的公式作为一个算子。

    Its first output is out, those behind it that are no states stand for every time too (`along`), the others are the
    states that its second and third input began as; one rule answers for all inputs and reads no state at the end.
    """

    def __init__(self, card: Card, along: tuple[str, ...] = ()):
        self.card, self.along = card, along
        self.wrt, self.rule = card.rules[0]
        self.reads = list(inspect.signature(self.rule).parameters)
        optional = {name for name, default in card.defaults if default is None}
        given = ", ".join(f"{TYPES.get(n, 'Tensor?' if n in optional else 'Tensor')} {n}" for n in card.inputs)
        outs = ", ".join(["Tensor"] * len(card.outputs))
        deltas = ", ".join(f"Tensor delta_{name}" for name in card.outputs)
        self.op = self._operator(card.name, self.forward, f"({given}) -> ({outs})", self.shapes)
        backward = f"({deltas}, {given}, {', '.join(f'Tensor {name}' for name in ('out', *along))}) -> Tensor[]"
        self.back = self._operator(f"{card.name}_backward", self.backward, backward, self.delta_shapes)
        self.op.register_autograd(self.apart, setup_context=self.keep)

    @staticmethod
    def _operator(name: str, call: Callable, schema: str, fake: Callable) -> Any:
        made = torch.library.custom_op(f"chainrule::{name}", call, mutates_args=(), schema=schema)
        made.register_fake(fake)
        return made

    def __call__(self, *args: Any) -> Any:
        args = low(*args)
        with torch.autocast(args[0].device.type, enabled=False):
            return self.op(*args)

    def forward(self, *args: Any) -> tuple[Tensor, ...]:
        """By the text in the formula gear, else by torch's operator. · 前向。"""
        call = self.card.fn if local.name == "formula" or self.card.twin is None else self.card.twin
        return tuple(o.clone() for o in call(*args))

    def backward(self, *args: Any) -> list[Tensor]:
        """By the formula's rule; nothing as an empty tensor, for an operator returns tensors only. · 反向。"""
        names = ["δ", *[f"δ{s}" for s in self.card.outputs[1:]], *self.card.inputs, "out", *self.along]
        values = dict(zip(names, args, strict=True))
        found = self.rule(*[values[name] for name in self.reads])
        return [args[0].new_empty(0) if δ is None else δ.contiguous().clone() for δ in found]

    def shapes(self, x: Tensor, *args: Any) -> tuple[Tensor, ...]:
        states = args[: len(self.card.outputs) - 1 - len(self.along)]
        ends = [torch.empty_like(s, memory_format=torch.contiguous_format) for s in states]
        wide = (args[0], *[states[-1]] * len(self.along))  # cells are as wide as a cell
        return (*(x.new_empty(*x.shape[:2], s.shape[-1]) for s in wide), *ends)

    def delta_shapes(self, *args: Any) -> list[Tensor]:
        inputs = dict(zip(self.card.inputs, args[len(self.card.outputs) :], strict=False))
        return [args[0].new_empty(0 if inputs[w] is None else inputs[w].shape) for w in self.wrt]

    def keep(self, ctx: Any, inputs: tuple, output: tuple) -> None:
        ctx.given = [None if isinstance(v, Tensor) else v for v in inputs]
        ctx.tensors = [i for i, v in enumerate(inputs) if isinstance(v, Tensor)]
        ctx.save_for_backward(*[inputs[i] for i in ctx.tensors], *output[: 1 + len(self.along)])

    def apart(self, ctx: Any, *δ: Tensor) -> tuple:
        """The deltas of the inputs, from those of the outputs. · 各输入的 δ。"""
        many, inputs = len(ctx.tensors), list(ctx.given)
        for i, t in zip(ctx.tensors, ctx.saved_tensors[:many], strict=True):
            inputs[i] = t
        found = dict(zip(self.wrt, self.back(*δ, *inputs, *ctx.saved_tensors[many:]), strict=True))
        return tuple(found.get(n) if v is not None else None for n, v in zip(self.card.inputs, inputs, strict=True))
