r"""Networks that read a window of a time series and say what comes next · 由时间窗预测后续数值的网络

symbols  x [N, W, C] a window of C columns, the one that is forecast first   out [N, F]: the next F numbers of it
note     residual: the network says by how much the future differs from the last number seen, so that it begins as
         persistence and must earn what it adds
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import nn
from .text import CELLS, Attending


@dataclass(frozen=True)
class Window:
    """What the data asks of a network: rows and columns of a window, and how many numbers come next. · 数据的要求。"""

    rows: int = 24
    columns: int = 1
    horizon: int = 1


class Forecaster(torch.nn.Module):
    """Something that reads a window, and a linear answer on top of the last number. · 阅读器与线性输出。

    x [N, W, C] → [N, F].

    >>> Forecaster(Flat(Window(4), 3), Window(4), 3)(torch.zeros(2, 4, 1)).shape
    torch.Size([2, 1])
    """

    def __init__(self, body: torch.nn.Module, asked: Window, size: int, residual: bool = True) -> None:
        super().__init__()
        self.body, self.residual = body, residual
        self.head = nn.Linear(size, asked.horizon)

    def forward(self, x: Tensor) -> Tensor:
        out = self.head(self.body(x))
        return out + x[:, -1, :1] if self.residual else out


class Last(torch.nn.Module):
    """The last state of recurrent layers. · 循环层的末状态。

    x [N, W, C] → [N, H].

    >>> Last(Window(), "gru", 4)(torch.zeros(2, 5, 1)).shape
    torch.Size([2, 4])
    """

    def __init__(self, asked: Window, cell: str, hidden: int, num_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        between = dropout if num_layers > 1 else 0.0
        self.layers = CELLS[cell](asked.columns, hidden, num_layers, batch_first=True, dropout=between)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.layers(x)[0][:, -1])


class Looking(torch.nn.Module):
    """The last moment's state, which looks at the whole window. · 末时刻的注意力状态。

    x [N, W, C] → [N, D]. Raises `UserError` for heads that do not divide the width.

    >>> Looking(Window(), 4, 2)(torch.zeros(2, 5, 1)).shape
    torch.Size([2, 4])
    """

    def __init__(self, asked: Window, width: int, heads: int, num_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.rows = nn.Linear(asked.columns, width)
        self.body = Attending(width, heads, num_layers, dropout)

    def forward(self, x: Tensor) -> Tensor:
        seen = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        return self.body(self.rows(x), seen)[0][:, -1]


class Flat(torch.nn.Module):
    """All numbers of the window side by side through one hidden layer. · 展平后的单隐层网络。

    x [N, W, C] → [N, H].

    >>> Flat(Window(5), 4)(torch.zeros(2, 5, 1)).shape
    torch.Size([2, 4])
    """

    def __init__(self, asked: Window, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layer = nn.Linear(asked.rows * asked.columns, hidden)
        self.act, self.drop = nn.ReLU(), nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.act(self.layer(x.flatten(1))))


def _recurrent(cell: str, zh: str, en: str = "") -> Callable[..., Forecaster]:
    def make(
        asked: Window = Window(), hidden: int = 32, num_layers: int = 1, dropout: float = 0.0, residual: bool = True
    ) -> Forecaster:
        return Forecaster(Last(asked, cell, hidden, num_layers, dropout), asked, hidden, residual)

    make.__name__ = make.__qualname__ = f"series_{cell}"
    make.__doc__ = f"Forecasts by {en or cell.upper()} layers. · {zh}预测序列。"
    return make


series_rnn, series_lstm, series_gru, series_peephole = (
    _recurrent("rnn", "循环网络"),
    _recurrent("lstm", "长短期记忆网络"),
    _recurrent("gru", "门控循环单元"),
    _recurrent("peephole", "带窥视孔的 LSTM ", "peephole LSTM"),
)


def series_transformer(
    asked: Window = Window(),
    width: int = 32,
    heads: int = 4,
    num_layers: int = 2,
    dropout: float = 0.0,
    residual: bool = True,
) -> Forecaster:
    """Forecasts by Transformer encoder layers. · Transformer 编码器预测序列。"""
    return Forecaster(Looking(asked, width, heads, num_layers, dropout), asked, width, residual)


def series_mlp(asked: Window = Window(), hidden: int = 64, dropout: float = 0.0, residual: bool = True) -> Forecaster:
    """Forecasts by one hidden layer over the window. · 单隐层网络预测序列。"""
    return Forecaster(Flat(asked, hidden, dropout), asked, hidden, residual)
