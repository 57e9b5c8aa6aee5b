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


def opaque(card: Card) -> Callable:
    """The formula of a whole sequence as one operator. · 把整条序列的公式作为一个算子。

    Its first output is out, the others are the states that its second and third input began as; one rule answers for
    all inputs and reads no other output than out.
    """
    states = card.outputs[1:]
    wrt, rule = card.rules[0]
    reads = list(inspect.signature(rule).parameters)
    optional = {name for name, default in card.defaults if default is None}
    typed = [f"{TYPES.get(n, 'Tensor?' if n in optional else 'Tensor')} {n}" for n in card.inputs]
    given, several = ", ".join(typed), ", ".join(["Tensor"] * (1 + len(states)))
    deltas = ["delta", *[f"delta_{s}" for s in states]]

    def forward(*args: Any) -> tuple[Tensor, ...]:
        call = card.fn if local.name == "formula" or card.twin is None else card.twin
        return tuple(o.clone() for o in call(*args))

    def backward(*args: Any) -> list[Tensor]:
        names = ["δ", *[f"δ{s}" for s in states], *card.inputs, "out"]
        values = dict(zip(names, args, strict=True))
        found = rule(*[values[name] for name in reads])
        return [_whole(δ, args[0]) for δ in found]

    op = torch.library.custom_op(
        f"chainrule::{card.name}", forward, mutates_args=(), schema=f"({given}) -> ({several})"
    )
    back = torch.library.custom_op(
        f"chainrule::{card.name}_backward",
        backward,
        mutates_args=(),
        schema=f"({', '.join(f'Tensor {d}' for d in deltas)}, {given}, Tensor out) -> Tensor[]",
    )

    @op.register_fake
    def _(*args: Any) -> tuple[Tensor, ...]:
        x, h = args[0], args[1]
        ends = [torch.empty_like(args[1 + i], memory_format=torch.contiguous_format) for i in range(len(states))]
        return (x.new_empty(*x.shape[:2], h.shape[-1]), *ends)

    @back.register_fake
    def _(*args: Any) -> list[Tensor]:
        inputs = dict(zip(card.inputs, args[len(deltas) :], strict=False))
        return [args[0].new_empty(0 if inputs[w] is None else inputs[w].shape) for w in wrt]

    def keep(ctx: Any, inputs: tuple, output: tuple) -> None:
        ctx.given = [None if isinstance(v, Tensor) else v for v in inputs]
        ctx.tensors = [i for i, v in enumerate(inputs) if isinstance(v, Tensor)]
        ctx.save_for_backward(*[inputs[i] for i in ctx.tensors], output[0])

    def apart(ctx: Any, *δ: Tensor) -> tuple:
        *saved, out = ctx.saved_tensors
        inputs = list(ctx.given)
        for i, t in zip(ctx.tensors, saved, strict=True):
            inputs[i] = t
        found = dict(zip(wrt, back(*δ, *inputs, out), strict=True))
        return tuple(
            found[n] if n in found and v is not None else None for n, v in zip(card.inputs, inputs, strict=True)
        )

    op.register_autograd(apart, setup_context=keep)

    def call(*args: Any) -> Any:
        args = low(*args)
        with torch.autocast(args[0].device.type, enabled=False):
            return op(*args)

    return call


def _whole(δ: Tensor | None, like: Tensor) -> Tensor:
    """An operator returns tensors of its own: none for nothing, none that is another's. · 独立且连续的张量。"""
    return like.new_empty(0) if δ is None else δ.contiguous().clone()
