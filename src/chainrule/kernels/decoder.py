"""The kernel of a Transformer from sentence to sentence, seen from Python. · 翻译 Transformer 核的 Python 一侧。

symbols  D width   V words   N sentences   n rows: hypotheses of sentences   P steps before
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import native

_INT, _REAL, _AT = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p
PRODUCTS = ("qkv", "told", "query", "seen", "up", "down", "source")
Pair = tuple[Tensor, Tensor]  # weight [out, in], bias; or those of a norm


class Matrix(ctypes.Structure):
    """The mirror of struct Matrix in dense.h. · 与 C++ 结构对应。"""

    _fields_ = [("panels", _AT), ("bias", _AT), ("columns", _INT), ("rows", _INT)]


class Norm(ctypes.Structure):
    """The mirror of struct Norm. · 与 C++ 结构对应。"""

    _fields_ = [("weight", _AT), ("bias", _AT), ("eps", _REAL)]


class Layer(ctypes.Structure):
    """The mirror of struct Layer. · 与 C++ 结构对应。"""

    _fields_ = [*((name, Matrix) for name in PRODUCTS), ("norms", Norm * 3)]


class Side(ctypes.Structure):
    """The mirror of struct Side. · 与 C++ 结构对应。"""

    _fields_ = [
        ("layers", _AT),
        *((name, _INT) for name in ("depth", "width", "heads", "feed", "first")),
        *(("last", Norm), ("table", _AT), ("factor", _REAL)),
    ]


class Sources(ctypes.Structure):
    """The mirror of struct Sources. · 与 C++ 结构对应。"""

    _fields_ = [
        *(("sentences", _INT), ("tokens", _AT), ("begins", _AT), ("places", _AT), ("positions", _AT)),
        *(("keys", _AT), ("values", _AT), ("size", _INT)),
    ]


class Job(ctypes.Structure):
    """The mirror of struct Job. · 与 C++ 结构对应。"""

    _fields_ = [
        *(("tokens", _AT), ("position", _AT), ("rows", _INT), ("steps", _INT), ("path", _AT), ("kept", _AT)),
        *(("sizes", _AT), ("sentence", _AT), ("best", _INT), ("values", _AT), ("words", _AT)),
    ]


class Greedy(ctypes.Structure):
    """The mirror of struct Greedy. · 与 C++ 结构对应。"""

    _fields_ = [
        *(("first", _AT), ("positions", _AT), ("longest", _INT), ("end", _INT), ("never", _AT), ("nevers", _INT)),
        *(("words", _AT), ("lengths", _AT), ("totals", _AT)),
    ]


@dataclass(frozen=True)
class Weights:
    """One side of a network, float32 on the CPU. · 一侧的权重。

    products: of each layer weight [out, in] and bias by the names of `PRODUCTS`; norms: of each layer weight and bias
    by their number; last: of the norm behind all layers; table [V, D] times factor: the words read; first: norms stand
    before their parts.
    """

    products: Sequence[dict[str, Pair]]
    norms: Sequence[dict[int, Pair]]
    last: Pair
    table: Tensor
    factor: float
    heads: int
    first: bool
    eps: float


@dataclass(frozen=True)
class Said:
    """What hypotheses have said, and what they look at: the state of a decoder. · 各假设的解码状态。

    sources: what the encoder says, and alive what it points to. kept: of each step before [layers, its rows, 2 D], and
    places where these lie and how many rows they have; path [n, P]: a row's own in each; sentence [n] int32.
    """

    sources: Sources
    alive: tuple[Any, ...]
    kept: tuple[Tensor, ...]
    places: np.ndarray
    path: np.ndarray
    sentence: np.ndarray

    def take(self, rows: Tensor) -> "Said":
        """Those rows: a path and a number each; what is kept stays where it is. · 取若干行。"""
        own = rows.numpy()
        return Said(self.sources, self.alive, self.kept, self.places, self.path[own], self.sentence[own])


class Translator:
    """Both sides of a network in the kernel's layout. · 按核的布局存放的两侧权重。

    out: weight and bias of the scores. Raises `native.Unavailable` where there is no compiler.
    """

    def __init__(self, encoder: Weights, decoder: Weights, out: Pair) -> None:
        self.library = native.load("decoder")
        self.alive: list[Any] = []  # what the structures point to
        self.encoder, self.decoder = self._side(encoder), self._side(decoder)
        self.out = self._matrix(*out)
        self.words = self.out.rows

    def _side(self, own: Weights) -> Side:
        layers = (Layer * len(own.products))()
        for layer, products, norms in zip(layers, own.products, own.norms, strict=True):
            for name, pair in products.items():
                setattr(layer, name, self._matrix(*pair))
            for i, pair in norms.items():
                layer.norms[i] = self._norm(pair, own.eps)
        table = own.table.contiguous()
        self.alive += [layers, table]
        feed = max((layer.up.rows for layer in layers), default=0)
        sizes = len(layers), table.shape[1], own.heads, feed, own.first
        return Side(ctypes.addressof(layers), *sizes, self._norm(own.last, own.eps), table.data_ptr(), own.factor)

    def _matrix(self, weight: Tensor, bias: Tensor) -> Matrix:
        """Panels of rows that lie beside each other: [out / panel, in, panel]."""
        panel, (rows, columns) = self.library.panel(), weight.shape
        many = -(-rows // panel)
        filled = torch.nn.functional.pad(weight, (0, 0, 0, many * panel - rows))
        panels = filled.view(many, panel, columns).transpose(1, 2).contiguous()
        added = torch.nn.functional.pad(bias, (0, many * panel - rows))
        self.alive += [panels, added]
        return Matrix(panels.data_ptr(), added.data_ptr(), columns, rows)

    def _norm(self, pair: Pair, eps: float) -> Norm:
        kept = [x.contiguous() for x in pair]
        self.alive += kept
        return Norm(*(x.data_ptr() for x in kept), eps)

    def start(self, source: Tensor, lengths: Tensor, positions: Tensor) -> Said:
        """What the encoder says of sentences [N, S] of so many words; nothing is said yet: a row for each.

        positions [longest, D]. · 编码源句，得到初始状态。
        """
        n, lane = len(source), self.library.lane()
        tokens = source[torch.arange(source.shape[1]) < lengths[:, None]]
        begins = np.zeros(n + 1, np.int64)
        places = np.zeros(n + 1, np.int64)
        begins[1:] = np.cumsum(lengths.numpy())
        places[1:] = np.cumsum(-(-lengths.numpy() // lane) * lane)
        shape = (self.decoder.depth, int(places[-1]), self.decoder.width)
        seen, positions = torch.zeros(2, *shape), positions.contiguous()
        own = Sources(
            *(n, tokens.data_ptr(), begins.ctypes.data, places.ctypes.data, positions.data_ptr()),
            *(seen[0].data_ptr(), seen[1].data_ptr(), int(places[-1])),
        )
        self.library.encode(
            *(ctypes.byref(part) for part in (self.encoder, self.decoder, own)), _INT(torch.get_num_threads())
        )
        alive = (tokens, begins, places, positions, seen)
        path, sentence = np.empty((n, 0), np.int32), np.arange(n, dtype=np.int32)
        return Said(own, alive, (), np.empty((2, 0), np.int64), path, sentence)

    def greedy(
        self, said: Said, first: Tensor, table: Tensor, end: int, never: Sequence[int]
    ) -> tuple[list[list[int]], list[float]]:
        """The likeliest word behind first [N], and the next, up to `end` or as many as `table` has positions [P, D].

        Returns the words of each sentence, `end` among them, and log-probabilities: NaN where nothing could be said.
        · 贪心解码。
        """
        n, longest = len(first), len(table)
        words, lengths, totals = np.empty((n, longest), np.int64), np.zeros(n, np.int64), np.zeros(n)
        first, table, never_ids = first.contiguous(), table.contiguous(), np.array(never, np.int64)
        job = Greedy(
            *(first.data_ptr(), table.data_ptr(), longest, end, never_ids.ctypes.data, len(never)),
            *(words.ctypes.data, lengths.ctypes.data, totals.ctypes.data),
        )
        parts = (self.decoder, self.out, said.sources, job)
        self.library.greedy(*(ctypes.byref(part) for part in parts), _INT(torch.get_num_threads()))
        return [row[:many].tolist() for row, many in zip(words, lengths, strict=True)], totals.tolist()

    def best(self, said: Said, tokens: Tensor, table: Tensor, many: int) -> tuple[Tensor, Tensor, Said]:
        """The likeliest words behind tokens [n]: log-probabilities and words [n, many], the first of equals first.

        table: positions [more than P, D]. · 最可能的下一词。
        """
        n, steps = said.path.shape
        here = torch.empty(self.decoder.depth, n, 2 * self.decoder.width)
        values, words = torch.empty(n, many), torch.empty(n, many, dtype=torch.int64)
        places = np.concatenate([said.places, [[here.data_ptr()], [n]]], 1)
        tokens, position, path = tokens.contiguous(), table[steps].contiguous(), np.ascontiguousarray(said.path)
        at, size = (row.ctypes.data for row in places)
        job = Job(
            *(tokens.data_ptr(), position.data_ptr(), n, steps, path.ctypes.data, at, size),
            *(said.sentence.ctypes.data, many, values.data_ptr(), words.data_ptr()),
        )
        parts = (self.decoder, self.out, said.sources, job)
        self.library.step(*(ctypes.byref(part) for part in parts), _INT(torch.get_num_threads()))
        path = np.concatenate([path, np.arange(n, dtype=np.int32)[:, None]], 1)
        return values, words, Said(said.sources, said.alive, (*said.kept, here), places, path, said.sentence)
