"""What `data show` and `data check` say of data that is no images: texts, pairs, series, tables, graphs, environments.

· 非图像数据的查看与检查。Everything is read whole, so what is wrong with it is found and said in one line.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import UserError
from .show import clean, say, table

_WIDE, _FIRST, _MOST = 60, 3, 24  # characters of a sample, samples and labels that are shown
Told = tuple[str, tuple[Sequence[str], Sequence[Sequence[Any]]] | None]  # lines, and a table below them


def show_kind(kind: str, source: str) -> None:
    """Print what a source of this kind of learning holds. · 打印数据概况。

    Raises `UserError` for what cannot be read.
    """
    said, rows = _READ[kind](source)
    say(said)
    if rows:
        table(*rows)


def check_kind(kind: str, source: str) -> None:
    """Read all of it; `UserError` with a line for each thing wrong. · 通读并检查。"""
    say(f"{_READ[kind](source)[0]}: nothing wrong", style="green")


def _texts(source: str) -> Told:
    from ..data.text.labelled import labelled

    found = labelled(source)
    parts = list(found.parts)
    counts = ", ".join(f"{part} {len(found.parts[part]):,}" for part in parts)
    words = [len(text.split()) if isinstance(text, str) else len(text) for text, _ in found.parts["train"]]
    said = f"{clean(found.name)}: {counts}; {np.mean(words):.1f} words a text, at most {max(words):,}"
    tags = {part: Counter(tag for _, label in found.parts[part] for tag in _each(label)) for part in parts}
    names = sorted(tags["train"], key=lambda label: (-tags["train"][label], label))[:_MOST]
    if len(names) < len(tags["train"]):
        said += f"; {len(tags['train']):,} labels, the most frequent are"
    rows = [[_title(label, found.classes), *[tags[part][label] for part in parts]] for label in names]
    return said, (["label", *[f">{part}" for part in parts]], rows)


def _each(label: str | tuple[str, ...]) -> tuple[str, ...]:
    return (label,) if isinstance(label, str) else label


def _title(label: str, classes: tuple[str, ...]) -> str:
    """The name of a class of a known set: its labels are numbers."""
    return classes[int(label)] if label.isdecimal() and int(label) < len(classes) else label


def _pairs(source: str) -> Told:
    from ..data.bitext import read

    found = read(source, (None, None), None, 0.0, 0)
    counts = ", ".join(f"{part} {len(pairs):,}" for part, pairs in found.parts.items())
    long = [np.mean([len(pair[side].split()) for pair in found.parts["train"]]) for side in (0, 1)]
    said = f"{clean(found.name)}: {counts} pairs; {long[0]:.1f} and {long[1]:.1f} words between spaces a sentence"
    rows = [[_short(one), _short(other)] for one, other in found.parts["train"][:_FIRST]]
    return said, (list(found.sides), rows)


def _text(source: str) -> Told:
    from ..data.language import Ways, text_of

    text = text_of(source, Ways())
    lines = text.count("\n") + (not text.endswith("\n"))
    said = f"{clean(source)}: {len(text):,} characters, {len(set(text)):,} different, {lines:,} lines"
    return said, (["it begins"], [[_short(line)] for line in text[:1000].split("\n")[:_FIRST]])


def _series(source: str) -> Told:
    from ..data.series import period_of, read

    found = read(source)
    values, period = found.values[:, 0], period_of(found.values[:, 0])
    season = f"like itself after {period}" if period else "without a clear period"
    said = f"{clean(found.name)}: {len(values):,} moments, {found.times[0]} to {found.times[-1]}; {season}"
    figures = [f"{figure:.4g}" for figure in (values.min(), values.mean(), values.max(), values.std())]
    return said, (["column", ">least", ">mean", ">most", ">deviation"], [[found.columns[0], *figures]])


def _table(source: str) -> Told:
    from ..data.table_names import TABLES
    from ..data.tables.columns import look_at
    from ..data.tables.files import read_table

    frame = read_table(source, {})
    found = look_at(frame, list(frame.columns), [])
    said = f"{clean(frame.name)}: {len(frame):,} rows, {len(frame.columns)} columns"
    if source in TABLES:
        said += f"; target {TABLES[source].target}"
    lines = "\n".join((*found.lines, said))
    return lines, (["column", "kind", ">gaps", "holds"], [_column(name, found) for name in found.values])


def _column(name: str, found: Any) -> list[Any]:
    values, kind = found.values[name], found.kinds[name]
    if kind == "category" or not isinstance(values, np.ndarray):
        there = [cell for cell in values if cell is not None]
        return [name, kind, len(values) - len(there), _short(", ".join(sorted(set(there))))]
    there = values[np.isfinite(values)]
    return [name, kind, len(values) - len(there), f"{there.min():.6g} … {there.max():.6g}"]


def _graph(source: str) -> Told:
    from ..data.graphs.check import faults, summary
    from ..data.graphs.reading import unchecked

    graph = unchecked(source)
    if wrong := faults(graph):
        raise UserError(*wrong)
    if graph.y is None or not graph.classes:
        return summary(graph), None
    parts = list(graph.masks)
    rows = [
        [name, int((graph.y == c).sum()), *[int(((graph.y == c) & graph.masks[part]).sum()) for part in parts]]
        for c, name in enumerate(graph.classes)
    ]
    return summary(graph), (["class", ">nodes", *[f">{part}" for part in parts]], rows)


def _graphs(source: str) -> Told:
    from ..data.graphs.set_reading import read_set
    from ..data.graphs.sets import summary

    found = read_set(source)
    sizes, rows = found.ptr.diff(), []
    for c, name in enumerate(found.classes[:_MOST]):
        its = sizes[found.y == c]
        rows.append([name, len(its), f"{its.float().mean():.1f}"])
    return summary(found), (["class", ">graphs", ">nodes a graph"], rows)


def _world(source: str) -> Told:
    from ..data.environments.names import make
    from ..data.environments.spaces import Discrete

    world = make(source, 1, lambda world, episode: 0)
    try:
        acts = world.actions
        can = f"{acts.n} actions" if isinstance(acts, Discrete) else f"actions of {acts.outputs} numbers"
        solved = f", solved at a mean return of {world.solved:g}" if world.solved is not None else ""
        return f"{source}: {world.size} numbers seen, {can}, {world.limit:,} steps at most{solved}", None
    finally:
        world.close()


def _short(text: str) -> str:
    return clean(text if len(text) <= _WIDE else text[: _WIDE - 1] + "…")


_READ: dict[str, Callable[[str], Told]] = {
    "texts": _texts,
    "translation": _pairs,
    "language": _text,
    "series": _series,
    "tables": _table,
    "nodes": _graph,
    "graphs": _graphs,
    "agents": _world,
}
