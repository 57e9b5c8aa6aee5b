"""How far back a recurrent network remembers: gradient and state over time, measured. · 循环网络的记忆：梯度与状态。

symbols  s_t the state after step t: h, or (h, c) of an LSTM   L the loss at the last step, T
         gradients ‖∂L/∂s_t‖ over ‖∂L/∂s_T‖, and states ‖h_t‖, each the root of the mean square over the samples
note     a product of T − t Jacobians stands between s_T and s_t: where their norm is below 1 it fades like its power
         (Bengio, Simard & Frasconi 1994, doi:10.1109/72.279181; Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063). The
         cell of an LSTM has the forget gate f there, which can be near 1: with torch's first weights it is about ½
note     computed in float64: what fades 200 steps long is below the least float32
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import nn
from ..errors import UserError, unknown
from ..learn.session import seeded
from ..nn.loss import mse_loss
from ..optim import Adam

# With "open" the gates remember from 1 to T steps at first (Tallec & Ollivier 2018, arXiv:1804.11188, section 2).
CELLS: dict[str, tuple[Any, Any, bool]] = {
    "rnn": (nn.RNN, nn.RNNCell, False),
    "gru": (nn.GRU, nn.GRUCell, False),
    "lstm": (nn.LSTM, nn.LSTMCell, False),
    "lstm-open": (nn.LSTM, nn.LSTMCell, True),
}
BATCH = 32
NAIVE = 1 / 6  # squared error of always saying 1, the mean: the variance of a sum of two uniform numbers


@dataclass(frozen=True)
class Memory:
    """What was measured of one kind of cell. · 一种单元的测量结果。

    gradients, states: T numbers each, of the first weights, or of those learned; losses: of each update.
    """

    cell: str
    gradients: tuple[float, ...]
    states: tuple[float, ...]
    losses: tuple[float, ...] = ()

    @property
    def reach(self) -> int:
        """Steps back from the end over which a hundredth of the gradient is left. · 梯度保留百分之一的步数。

        >>> Memory("rnn", (1e-5, 0.02, 0.5, 1.0), (1.0,) * 4).reach
        2
        """
        back = self.gradients[::-1]
        return next((t - 1 for t, g in enumerate(back) if not g >= 0.01), len(back) - 1)


class Adder(torch.nn.Module):
    """Reads pairs of (number, mark) and says the sum of the two marked numbers. · 加法问题的网络。

    x [N, T, 2], out [N]. Source of the task: Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735,
    section 5.4.

    >>> Adder("rnn", 4, 10)(torch.zeros(3, 10, 2)).shape
    torch.Size([3])
    """

    def __init__(self, cell: str, width: int, steps: int) -> None:
        super().__init__()
        layer, _, opened = CELLS[cell]
        self.cell = cell
        self.layer, self.out = layer(2, width, batch_first=True), nn.Linear(width, 1)
        if opened:
            _open(self.layer, steps)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.layer(x)[0][:, -1])[:, 0]

    def unrolled(self, x: Tensor) -> tuple[list[tuple[Tensor, ...]], Tensor]:
        """The states of all steps, each a tuple of [N, H], and out. · 逐步展开的状态。"""
        cell = CELLS[self.cell][1](2, self.layer.hidden_size).to(x.dtype)
        cell.load_state_dict({k.removesuffix("_l0"): v for k, v in self.layer.state_dict().items()})
        state: Any = None
        states: list[tuple[Tensor, ...]] = []
        for t in range(x.shape[1]):
            state = cell(x[:, t], state)
            states.append(state if isinstance(state, tuple) else (state,))
            for part in states[-1]:
                part.retain_grad()
        return states, self.out(states[-1][0])[:, 0]


def _open(layer: Any, steps: int) -> None:
    """Forget gates whose memory is 1 to T steps at first; the input gates are as much closed."""
    width = layer.hidden_size
    with torch.no_grad():
        layer.bias_hh_l0.zero_()
        bias = (1 + torch.rand(width) * max(steps - 2, 0)).log()
        layer.bias_ih_l0[:width] = -bias
        layer.bias_ih_l0[width : 2 * width] = bias


def adding(samples: int, steps: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Numbers in [0, 1) with a mark in either half, and the sums of the two marked ones. · 加法问题的样本。

    x [N, T, 2], y [N].

    >>> x, y = adding(3, 10, torch.Generator().manual_seed(0))
    >>> x[..., 1].sum(1).tolist(), torch.allclose((x[..., 0] * x[..., 1]).sum(1), y)
    ([2.0, 2.0, 2.0], True)
    """
    numbers = torch.rand(samples, steps, generator=generator)
    half = steps // 2
    first = torch.randint(0, half, (samples, 1), generator=generator)
    second = torch.randint(half, steps, (samples, 1), generator=generator)
    marks = torch.zeros(samples, steps).scatter(1, torch.cat([first, second], 1), 1.0)
    return torch.stack([numbers, marks], -1), (numbers * marks).sum(1)


def measured(network: Adder, x: Tensor, y: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Gradients and states over time, T numbers each; see the symbols of this file. · 测量梯度与状态。"""
    exact = Adder(network.cell, network.layer.hidden_size, x.shape[1]).double()
    exact.load_state_dict(network.state_dict())
    states, out = exact.unrolled(x.double())
    mse_loss(out, y.double()).backward()
    squares = [sum(float(part.grad.square().sum()) for part in state if part.grad is not None) for state in states]
    norms = [float(state[0].detach().square().sum(-1).mean().sqrt()) for state in states]
    return tuple(math.sqrt(s / (squares[-1] or 1.0)) for s in squares), tuple(norms)


@dataclass(frozen=True)
class Trial:
    """How the cells are tried. · 测量的设置。

    steps T, width H, updates of Adam at lr on batches of 32 before it is measured, seed of weights and samples. Raises
    `UserError` for numbers out of range.
    """

    steps: int = 200
    width: int = 64
    updates: int = 0
    lr: float = 2e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 2 or self.width < 1 or self.updates < 0 or not 0 < self.lr < math.inf:
            raise UserError(
                f"steps={self.steps}, width={self.width}, updates={self.updates}, lr={self.lr:g}: expected at least 2, "
                "1, 0, and a number above 0"
            )


def tried(cell: str, trial: Trial, told: Callable[[int, float], None] = lambda update, loss: None) -> Memory:
    """One kind of cell, measured on the adding problem. · 在加法问题上测量一种单元。

    told: called with the number of each update and its loss. Raises `UserError` for another cell.

    >>> found = tried("rnn", Trial(steps=50, width=8))
    >>> len(found.gradients), found.gradients[-1], found.gradients[0] < 1e-6
    (50, 1.0, True)
    """
    if cell not in CELLS:
        raise unknown("cell", cell, list(CELLS))
    with seeded(trial.seed):
        network = Adder(cell, trial.width, trial.steps)
    generator = torch.Generator().manual_seed(trial.seed)
    optimizer = Adam(network.parameters(), lr=trial.lr)
    losses = []
    for update in range(trial.updates):
        x, y = adding(BATCH, trial.steps, generator)
        loss = mse_loss(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        told(update + 1, losses[-1])
    held = torch.Generator().manual_seed(trial.seed + 1)
    return Memory(cell, *measured(network, *adding(BATCH, trial.steps, held)), tuple(losses))
