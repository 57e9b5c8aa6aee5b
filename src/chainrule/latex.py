"""Code → LaTeX: the equations of a formula, made from its text. · 由代码生成公式。

    for line in equations(Adam.update):
        print(line.lineno, line.text)           # 41 θ ← θ − η m̂/(√v̂ + ε)

`equations` reads one function; `page` a whole card (forward, deltas, the helpers they call) with one set of letters.
Nothing is typed by hand and nothing is drawn half right: what has no mathematical reading raises `NotMathematics`.
"""

import inspect
import re
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from .notation.render import Renderer
from .notation.statements import Equation, called, lines, names, numeric, returned
from .notation.symbols import LETTERS, Naming
from .notation.tex import Tex
from .notation.text import Text
from .notation.tree import Bind, NotMathematics

__all__ = ["Line", "NotMathematics", "Page", "Plain", "Section", "equations", "legend", "page"]


@dataclass(frozen=True)
class Line:
    """One statement: its line in the file, its code, and its picture three times. · 一条语句。

    latex     TeX for KaTeX
    text      one line of Unicode for a terminal
    mathtext  TeX for matplotlib, which has no environments
    """

    lineno: int
    code: str
    latex: str
    text: str
    mathtext: str


@dataclass(frozen=True)
class Section:
    """The equations of one function; kind: forward, delta (of `names`), update, function or helper. · 一组等式。"""

    kind: str
    names: tuple[str, ...]
    fn: Callable
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Plain:
    """The card of a function that is neither formula nor optimizer: a schedule, say. · 普通函数的卡片。"""

    fn: Callable

    @property
    def name(self) -> str:
        return self.fn.__name__

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.fn) or ""

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(inspect.signature(self.fn).parameters)


@dataclass(frozen=True)
class Page:
    """All equations of a card and what its letters mean. · 一张卡片的全部等式与符号表。"""

    name: str
    sections: tuple[Section, ...]
    legend: tuple[tuple[str, str], ...]


_SIGNS = {"←": r"\leftarrow", "∋": r"\ni"}


def _drawn(e: Equation, pen: Renderer, tex: bool) -> str:
    """One equation with one pen. · 用一种画法画一条等式。"""
    word = (r"\text{%s}" if tex else "%s").__mod__
    gap = r"\quad " if tex else "  "
    body = pen.go(e.right)
    if e.left is not None:
        body = f"{pen.go(e.left)} {_SIGNS.get(e.sign, e.sign) if tex else e.sign} {body}"
    elif isinstance(e.right, Bind):
        body = f"{word('for ')}{body}:"
    if e.conditions:
        both = (r" \wedge " if tex else " ∧ ").join(pen.condition(c) for c in e.conditions)
        body += f"{gap}{word('if ')}{both}"
    return gap * e.depth + body


def equations(
    fn: Callable,
    *,
    scalars: Collection[str] = (),
    result: tuple[str, ...] = (),
    naming: Naming | None = None,
) -> list[Line]:
    """The equations of a function, one a statement. · 函数的等式，一条语句一行。

    scalars  names that are numbers, besides those that a default or their letter gives away
    result   what the returned values are called; without it the function's own name stands before the "="
    naming   the letters of a whole page, where several functions share one

    Raises `NotMathematics` for a construct that has no reading.

    >>> from chainrule.formula import rows
    >>> [line.text for line in equations(rows)]
    ['N = numel(shape(x)[:−1])', 'rows(x) = reshape(x, N, size₋₁(x))']
    """
    naming = naming or Naming([*names(fn), *result])
    pens = Tex(naming), Text(naming), Tex(naming, pictures=True)
    return [
        Line(e.lineno, e.code, *(_drawn(e, pen, isinstance(pen, Tex)) for pen in pens))
        for e in lines(fn, scalars, result)
    ]


# What the signs of a page mean, where they occur. · 页上出现的记号。
SIGNS = {
    "⊙": "element by element · 逐元素相乘",
    "ᵀ": "last two axes exchanged · 转置末两轴",
    "←": "is given anew · 重新赋值",
    "∋": "yields, one after the other · 依次给出",
    "[…, ∗]": "∗: a new axis of length 1 · 新增长度为 1 的轴",
    "Σ₋₁": "a subscript is the axis, counted from 0, or from the end if negative · 下标为轴号",
    "[a < b]": "1 where it holds, 0 elsewhere (Iverson) · 成立为 1，否则为 0",
}
_SEEN = {"[…, ∗]": "∗", "Σ₋₁": r"[^\W\d_][₋₀-₉,]+\(", "[a < b]": r"\[[^\[\]]* [=≠<≤>≥∈] [^\[\]]*\]"}


def _signs(sections: Collection[Section]) -> list[tuple[str, str]]:
    text = "\n".join(line.text for s in sections for line in s.lines)
    return [(sign, meaning) for sign, meaning in SIGNS.items() if re.search(_SEEN.get(sign, sign), text)]


_HEAD = re.compile(r"((?:\w+(?: \(\w\))?, )*\w+(?: \(\w\))?)(?=[ ,:]|$)[,:]? *(.*)", re.DOTALL)


def _entries(doc: str, known: Collection[str]) -> dict[str, str]:
    """The "symbols" block of a docstring: entries three spaces or a line apart. · 文档中的 symbols 段。

    An entry begins with one name or with several, `weight (γ), bias (β) [C]`; what begins otherwise goes on from the
    entry before.

    >>> _entries("symbols  x, y [N]   w (γ) [N]   (N may be 0)", {"x", "y", "w"})
    {'x': '[N]', 'y': '[N]', 'w': '(γ) [N] (N may be 0)'}
    """
    found = re.search(r"^( *)symbols\b(.*(?:\n\1 +\S.*)*)", doc, re.MULTILINE)
    entries: dict[str, str] = {}
    last: list[str] = []
    for part in re.split(r"\s{3,}|\n\s*", found[2].strip()) if found else []:
        head = _HEAD.match(part)
        names = [word.partition(" ") for word in head[1].split(", ")] if head else []
        if head and all(n in known or (len(n) < 3 and n.isidentifier()) for n, _, _ in names):
            last = [n for n, _, _ in names]
            entries |= {n: f"{letter} {head[2]}".strip() for n, _, letter in names}
        else:
            entries |= {n: f"{entries[n]} {part}".strip() for n in last}
    return entries


def _inputs(card: Any) -> tuple[str, ...]:
    return tuple(card.reads if hasattr(card, "reads") else card.inputs)


def _outputs(card: Any) -> tuple[str, ...]:
    return tuple(card.writes if hasattr(card, "writes") else getattr(card, "outputs", ()))


def _naming(card: Any) -> Naming:
    fns = [*getattr(card, "fns", [card.fn]), *(rule for _, rule in getattr(card, "rules", ()))]
    return Naming([*(n for fn in [*fns, *called(fns)] for n in names(fn)), *_outputs(card)])


def _of_room(room: Any) -> set[str]:
    """The names that the formulas or optimizers of a file read and write. · 文件中各公式的名字。"""
    cards = [getattr(value, "card", None) or getattr(value, "rule", None) for value in vars(room).values()]
    return {name for card in cards if hasattr(card, "fn") for name in (*_inputs(card), *_outputs(card))}


def _legend(card: Any, naming: Naming) -> list[tuple[str, str]]:
    inputs, outputs, room = _inputs(card), _outputs(card), sys.modules[card.fn.__module__]
    known = {*inputs, *outputs, *naming.names()}
    shared, own = _of_room(room), _entries(card.doc, known)
    told = _entries(inspect.getdoc(room) or "", known | shared)
    options = {p.name for p in inspect.signature(card.fn).parameters.values() if p.default is not p.empty}
    meanings: dict[str, str] = {}
    for name in (*inputs, *outputs):
        symbol = naming[name].text()
        role = "option · 选项" if name in options else "input · 输入" if name in inputs else "output · 输出"
        shape = re.search(rf"(?<!\w){re.escape(name)}(?:(?:,| and) \w+)* (\[[^\]\n]+\])", card.doc)
        meaning = own.get(name) or (shape[1] if shape else told.get(name) or LETTERS.get(name, ("", role))[1])
        spelled = name not in (symbol, symbol.replace("₀", "0")) and name not in meaning
        meanings[symbol] = f"{name}: {meaning}" if spelled else meaning
    local = {k: v for k, v in told.items() if k not in shared} | own  # of another formula's letters nothing is known
    local = {naming[k].text(): v for k, v in local.items() if k in known}
    return list((meanings | {k: v for k, v in local.items() if k not in meanings}).items())


def legend(card: Any) -> list[tuple[str, str]]:
    """The letters of a card, each with its meaning. · 卡片的符号表。

    Taken from the "symbols" block of the docstring or of the file's, and from the table of torch's long names.

    >>> from chainrule.nn.linear import linear
    >>> dict(legend(linear.card))["W"]
    'weight: [O, I]'
    """
    return _legend(card, _naming(card))


def page(card: Any) -> Page:
    """Every equation of a formula's or an optimizer's card, with one set of letters. · 一张卡片的全部等式。

    Raises `NotMathematics` for a construct that has no reading.

    >>> from chainrule.nn.linear import linear
    >>> [(s.kind, s.names, s.lines[-1].text) for s in page(linear.card).sections][1]
    ('delta', ('x',), 'δx = δ W')
    """
    naming, scalars, result = _naming(card), numeric(card.fn), _outputs(card)
    rules: list[tuple[tuple[str, ...], Callable]] = list(getattr(card, "rules", []))
    kind = "function" if isinstance(card, Plain) else "forward" if hasattr(card, "rules") else "update"
    shown: list[tuple] = [(kind, result or (card.name,), card.fn, result)]
    if fns := getattr(card, "fns", ()):
        shown = [(kind, returned(fn), fn, returned(fn)) for fn in fns]
    shown += [("delta", wrt, rule, tuple("δ" + w for w in wrt)) for wrt, rule in rules]
    shown += [("helper", (fn.__name__,), fn, ()) for fn in called([fn for _, _, fn, _ in shown])]
    sections = tuple(
        Section(kind, tuple(of), fn, tuple(equations(fn, scalars=scalars, result=tuple(to), naming=naming)))
        for kind, of, fn, to in shown
    )
    return Page(card.name, sections, (*_legend(card, naming), *_signs(sections)))
