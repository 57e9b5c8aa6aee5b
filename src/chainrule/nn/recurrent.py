r"""Recurrent modules: layers, directions, packed sequences · 循环模块：多层、双向与打包序列

symbols  input [T, N, I], batch_first [N, T, I], one sample [T, I], or packed   states [L·D, N, H]   out [T, N, D·H]
         L layers, D directions
note     a sample's result does not depend on what it is batched with: the backward direction begins at its own last
         step, and its final state is the one at its own end (errata E63, E64)
note     where torch's operator does it all in one call, eager and without masks from outside, it does
note     an exporter sees a scan of the cell: torch's operators would be unrolled, for sequences of one length only
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from .dropout import Dropout
from .gru import gru, gru_cell
from .lstm import lstm, lstm_cell
from .peephole import lstm_peephole, peephole_gates
from .recurrence import affine
from .rnn import rnn, rnn_cell
from .scanned import scanned


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Each sample from its end to its beginning; what lies behind its end stays. · 各样本在自身长度内反转。

    >>> reverse(torch.tensor([[1], [2], [0]]), torch.tensor([2])).flatten().tolist()
    [2, 1, 0]
    """
    if lengths is None:
        return x.flip(0)
    t = torch.arange(x.shape[0], device=x.device)[:, None]
    ends = lengths.to(x.device)
    places = torch.where(t < ends, ends - 1 - t, t)
    return x.gather(0, places[..., None].expand_as(x)) if x.ndim == 3 else x.gather(0, places)


class Layers(torch.nn.RNNBase):
    """What RNN, LSTM and GRU have in common: a formula for one layer in one direction. · 三种循环模块的公共部分。"""

    formula: Callable[..., Any]
    cell: Callable[..., Any]
    drop: Dropout | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # between layers; a module of its own, so that its mask can be drawn outside the step
        self.drop = Dropout(self.dropout) if self.dropout and self.num_layers > 1 else None

    def layer(self, x: Tensor, states: tuple[Tensor, ...], weights: Sequence[Tensor], lengths: Tensor | None) -> Any:
        """One layer in one direction: out, then the states at the end. · 单层单方向。"""
        raise NotImplementedError

    def once(self, x: Tensor, states: tuple[Tensor, ...], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """One step of one layer, [N, I]: the states behind it. · 单层的一步。"""
        new = self.cell(x, *states, *split(weights, self.bias))
        return new if isinstance(new, tuple) else (new,)

    def exported(self, x: Tensor, states: tuple[Tensor, ...], weights: Sequence[Tensor], lengths: Tensor | None) -> Any:
        """The layer as an exporter keeps it. · 供导出器使用的形式。"""
        return scanned(lambda word, *now: self.once(word, now, weights), x, states, lengths)

    def forward(self, input: Any, hx: Any = None) -> Any:
        masked = self.drop is not None and self.training and self.drop.mask is not None
        if self.formula.card.runs_twin() and not masked and not torch.compiler.is_compiling():
            return super().forward(input, hx)
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D instead")
        alone = input.dim() == 2
        x = input[:, None] if alone else input.transpose(0, 1) if self.batch_first else input
        states = self._states(x, tuple(s[:, None] for s in self._given(hx)) if alone and hx is not None else hx)
        out, states = self._run(x, states, None)
        if alone:
            return out[:, 0], self._returned(tuple(s[:, 0] for s in states))
        return out.transpose(0, 1) if self.batch_first else out, self._returned(states)

    def over(self, input: Tensor, lengths: Tensor) -> Any:
        """A padded batch, each sample to its own end; as packed, and compiled without packing. · 变长批次。

        input [N, T, I] with batch_first, else [T, N, I]; lengths [N] of at least 1. Behind a sample's end out is 0.
        """
        if not torch.compiler.is_compiling():
            packed = pack_padded_sequence(input, lengths.cpu(), self.batch_first, enforce_sorted=False)
            out, states = self(packed)
            length = input.shape[1 if self.batch_first else 0]
            return pad_packed_sequence(out, self.batch_first, total_length=length)[0], states
        x = input.transpose(0, 1) if self.batch_first else input
        out, states = self._run(x, self._states(x, None), lengths)
        return out.transpose(0, 1) if self.batch_first else out, self._returned(states)

    def _given(self, hx: Any) -> tuple[Tensor, ...]:
        return hx if isinstance(hx, tuple) else (hx,)

    def _returned(self, states: tuple[Tensor, ...]) -> Any:
        return states if self.mode == "LSTM" else states[0]

    def _states(self, x: Tensor, hx: Any) -> tuple[Tensor, ...]:
        """The states to begin with, zeros unless given; refused as torch refuses them."""
        rows = self.num_layers * (2 if self.bidirectional else 1)
        if hx is None:
            sizes = [self.proj_size or self.hidden_size, self.hidden_size][: 2 if self.mode == "LSTM" else 1]
            hx = tuple(x.new_zeros(rows, x.shape[1], size) for size in sizes)
        states = self._given(hx)
        first = x.transpose(0, 1) if self.batch_first else x
        self.check_forward_args(first, states if self.mode == "LSTM" else states[0], None)  # pyright: ignore[reportArgumentType]
        return states

    def _packed(self, input: PackedSequence, hx: Any) -> Any:
        x, lengths = pad_packed_sequence(input)
        out, states = self._run(x, self._states(x, hx), lengths)
        order = input.sorted_indices
        rows, ends = (out, lengths) if order is None else (out[:, order], lengths[order.cpu()])
        data = pack_padded_sequence(rows, ends).data
        return PackedSequence(data, *input[1:]), self._returned(states)

    def _run(self, x: Tensor, states: tuple[Tensor, ...], lengths: Tensor | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All layers over [T, N, I]; where samples end early, the rest of their outputs is 0. · 逐层运行。"""
        ends: list[tuple[Tensor, ...]] = []
        directions = 2 if self.bidirectional else 1
        layer = self.exported if torch.compiler.is_exporting() and not self.proj_size else self.layer
        for number in range(self.num_layers):
            outs = []
            for direction in range(directions):
                place = number * directions + direction
                along = reverse(x, lengths) if direction else x
                out, *last = layer(along, tuple(s[place] for s in states), self.all_weights[place], lengths)
                outs.append(reverse(out, lengths) if direction else out)
                ends.append(tuple(last))
            x = outs[0] if directions == 1 else torch.cat(outs, -1)
            if self.drop is not None and number < self.num_layers - 1:
                x = self.drop(x)
        return x, tuple(torch.stack(s) for s in zip(*ends, strict=True))


def split(weights: Sequence[Tensor], biased: bool) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """weight_ih, weight_hh, bias_ih, bias_hh of one direction of one layer."""
    weight_ih, weight_hh, *rest = weights
    bias_ih, bias_hh = rest[:2] if biased else (None, None)
    return weight_ih, weight_hh, bias_ih, bias_hh


class RNN(Layers, torch.nn.RNN):
    """Elman's recurrent network with torch's constructor, keys and first weights. · 循环神经网络。

    input [N, T, I] with batch_first, else [T, N, I]; hx and its last value [L·D, N, H]; out as input, with D·H numbers.
    nonlinearity "tanh" or "relu". Raises ValueError or RuntimeError as torch for wrong shapes. The formula and its
    source: `rnn`.

    >>> out, h = RNN(3, 4)(torch.zeros(5, 2, 3))
    >>> out.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    formula, cell = staticmethod(rnn), staticmethod(rnn_cell)

    def once(self, x: Tensor, states: tuple[Tensor, ...], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return (rnn_cell(x, *states, *split(weights, self.bias), self.nonlinearity),)

    def layer(self, x: Tensor, states: tuple[Tensor, ...], weights: Sequence[Tensor], lengths: Tensor | None) -> Any:
        return rnn(x, *states, *split(weights, self.bias), self.nonlinearity, lengths)


class LSTM(Layers, torch.nn.LSTM):
    """Long short-term memory with torch's constructor, keys and first weights. · 长短期记忆网络。

    input [N, T, I] with batch_first, else [T, N, I]; hx = (h, c) and its last value [L·D, N, H]; out as input, with D·H
    numbers. proj_size: what is shown is projected to it. Raises ValueError or RuntimeError as torch for wrong shapes.
    The formula and its source: `lstm`.

    >>> out, (h, c) = LSTM(3, 4, bidirectional=True)(torch.zeros(5, 2, 3))
    >>> out.shape, c.shape
    (torch.Size([5, 2, 8]), torch.Size([2, 2, 4]))
    """

    formula, cell = staticmethod(lstm), staticmethod(lstm_cell)

    def layer(self, x: Tensor, states: tuple[Tensor, ...], weights: Sequence[Tensor], lengths: Tensor | None) -> Any:
        weight_hr = weights[-1] if self.proj_size else None
        return lstm(x, *states, *split(weights, self.bias), weight_hr, lengths)


class PeepholeLSTM(Layers, torch.nn.LSTM):
    """An LSTM whose gates look at the cell: torch's LSTM with a weight_c more. · 带窥视孔的 LSTM。

    As `LSTM`, without a projection; weight_c_l0, … [3, H] beside torch's keys: what input, forget and output gate see
    of their own unit's cell, drawn as the other weights are. A variant (errata E79); the formula and its source:
    `lstm_peephole`.

    >>> out, (h, c) = PeepholeLSTM(3, 4)(torch.zeros(5, 2, 3))
    >>> out.shape, sorted(PeepholeLSTM(3, 4).state_dict())[2]
    (torch.Size([5, 2, 4]), 'weight_c_l0')
    """

    formula = staticmethod(lstm_peephole)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        **where: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, **where)
        for name in self._places:
            near = torch.empty(3, hidden_size, **where)
            torch.nn.init.uniform_(near, -(hidden_size**-0.5), hidden_size**-0.5)
            self.register_parameter(name, torch.nn.Parameter(near))

    @property
    def _places(self) -> list[str]:
        return [names[0].replace("weight_ih", "weight_c") for names in self._all_weights]

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """Of each direction of each layer, weight_c last. · 各层各方向的权重。"""
        named = zip(self._all_weights, self._places, strict=True)
        return [[getattr(self, name) for name in (*names, near)] for names, near in named]

    def layer(self, x: Tensor, states: tuple[Tensor, ...], weights: Sequence[Tensor], lengths: Tensor | None) -> Any:
        weight_ih, weight_hh, bias = self._summed(weights)
        out, _, *last = lstm_peephole(x, *states, weight_ih, weight_hh, weights[-1], bias, lengths)
        return out, *last

    def once(self, x: Tensor, states: tuple[Tensor, ...], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
        (h, c), (weight_ih, weight_hh, bias) = states, self._summed(weights)
        *_, o, c1 = peephole_gates(affine(x, weight_ih, bias) + h @ weight_hh.mT, c, weights[-1])
        return o * c1.tanh(), c1

    def _summed(self, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Torch has a bias on either side; their sum is what counts."""
        weight_ih, weight_hh, bias_ih, bias_hh = split(weights, self.bias)
        return weight_ih, weight_hh, None if bias_ih is None or bias_hh is None else bias_ih + bias_hh


class GRU(Layers, torch.nn.GRU):
    """Gated recurrent units with torch's constructor, keys and first weights. · 门控循环单元网络。

    input [N, T, I] with batch_first, else [T, N, I]; hx and its last value [L·D, N, H]; out as input, with D·H numbers.
    Raises ValueError or RuntimeError as torch for wrong shapes. The formula and its source: `gru`.

    >>> out, h = GRU(3, 4, num_layers=2)(torch.zeros(5, 2, 3))
    >>> out.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([2, 2, 4]))
    """

    formula, cell = staticmethod(gru), staticmethod(gru_cell)

    def layer(self, x: Tensor, states: tuple[Tensor, ...], weights: Sequence[Tensor], lengths: Tensor | None) -> Any:
        return gru(x, *states, *split(weights, self.bias), lengths)


def batched(module: Any, input: Tensor, hx: Any, size: int) -> tuple[Tensor, Any, bool]:
    """A cell's input and state as a batch; states are zeros unless given. · 将单样本补成批。"""
    if input.dim() not in (1, 2):
        raise ValueError(f"{type(module).__name__}: Expected input to be 1D or 2D, got {input.dim()}D instead")
    alone = input.dim() == 1
    x = input[None] if alone else input
    if hx is None:
        return x, (x.new_zeros(len(x), module.hidden_size),) * size, alone
    given = hx if isinstance(hx, tuple) else (hx,)
    if any(s.dim() != input.dim() for s in given):
        raise ValueError(
            f"{type(module).__name__}: Expected hidden to be {input.dim()}D, got {given[0].dim()}D instead"
        )
    return x, tuple(s[None] if alone else s for s in given), alone


class RNNCell(torch.nn.RNNCell):
    """One step of `RNN`. · 循环网络的一步。

    input [N, I] or [I], hx and out [N, H] or [H]. Raises ValueError for other numbers of axes. The formula and its
    source: `rnn_cell`.

    >>> RNNCell(3, 4)(torch.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,), alone = batched(self, input, hx, 1)
        out = rnn_cell(x, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, self.nonlinearity)
        return out[0] if alone else out


class LSTMCell(torch.nn.LSTMCell):
    """One step of `LSTM`. · LSTM 的一步。

    input [N, I] or [I], hx (h, c) and out [N, H] or [H]. Raises ValueError for other numbers of axes. The formula and
    its source: `lstm_cell`.

    >>> h, c = LSTMCell(3, 4)(torch.zeros(2, 3))
    >>> h.shape
    torch.Size([2, 4])
    """

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        x, (h, c), alone = batched(self, input, hx, 2)
        h1, c1 = lstm_cell(x, h, c, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return (h1[0], c1[0]) if alone else (h1, c1)


class GRUCell(torch.nn.GRUCell):
    """One step of `GRU`. · GRU 的一步。

    input [N, I] or [I], hx and out [N, H] or [H]. Raises ValueError for other numbers of axes. The formula and its
    source: `gru_cell`.

    >>> GRUCell(3, 4)(torch.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,), alone = batched(self, input, hx, 1)
        out = gru_cell(x, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return out[0] if alone else out
