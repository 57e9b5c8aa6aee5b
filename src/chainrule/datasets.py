"""Data sets by name and by the kinds of learning that read them, without importing torch. · 数据集的目录。

One table for all of them: what they are, which kinds read them, and where they lie. What a name means to its reader
(files, classes, columns, languages) stands in the room of the data, `data/*_names.py`.
"""

from dataclasses import dataclass
from pathlib import Path

from .data import sources
from .data.bitext_names import KNOWN
from .data.graph_names import GRAPHS, SETS
from .data.series_names import SERIES
from .data.shelf import Shelf
from .data.table_names import TABLES
from .data.text_names import RUNNING, TEXTS
from .entry import Entry
from .errors import UserError, did_you_mean
from .kinds import KINDS

GYM = "gym:"  # what names of gymnasium's environments begin with


@dataclass(frozen=True)
class Known(Entry):
    """One known data set. · 一个已知数据集。

    kinds: of learning that read it. shelf: where it lies, None where it is inside the package or looked for as images
    are.
    """

    kinds: tuple[str, ...] = ()
    shelf: Shelf | None = None


_IMAGES, _NODES = ("images", "unsupervised"), ("nodes", "links")
DATASETS: dict[str, Known] = {
    **{n: Known("chainrule.data:load", s.en, s.zh, size=s.shape, kinds=_IMAGES) for n, s in sources.SOURCES.items()},
    **{
        n: Known("chainrule.data.graphs.reading:read", g.en, g.zh, kinds=_NODES, shelf=g.shelf)
        for n, g in GRAPHS.items()
    },
    **{
        n: Known("chainrule.data.graphs.set_reading:read_set", g.en, g.zh, kinds=("graphs",), shelf=g.shelf)
        for n, g in SETS.items()
    },
    **{
        n: Known("chainrule.data.tables.files:read_table", t.en, t.zh, kinds=("tables",), shelf=t.shelf)
        for n, t in TABLES.items()
    },
    **{n: Known("chainrule.data.series:read", s.en, s.zh, kinds=("series",), shelf=s.shelf) for n, s in SERIES.items()},
    **{
        n: Known("chainrule.data.text.labelled:labelled", t.en, t.zh, kinds=("texts",), shelf=t.shelf)
        for n, t in TEXTS.items()
    },
    **{
        n: Known("chainrule.data.language:load", r.en, r.zh, kinds=("language", "vectors"), shelf=r.shelf(n))
        for n, r in RUNNING.items()
    },
    **{
        n: Known("chainrule.data.bitext:read", k.en, k.zh, kinds=("translation",), shelf=k.shelf)
        for n, k in KNOWN.items()
    },
    "cartpole": Known(
        "chainrule.data.environments.cartpole:CartPole",
        "a cart that balances a pole: CartPole-v1 of gymnasium, step for step",
        "小车倒立摆，与 gymnasium 的 CartPole-v1 逐步一致",
        kinds=("agents",),
    ),
}


def names(*kinds: str) -> list[str]:
    """The sets that these kinds of learning read; all without any. · 各学习种类可读的数据集。

    >>> names("translation"), names("agents", "links")
    (['multi30k', 'tatoeba'], ['cora', 'citeseer', 'pubmed', 'karate', 'cartpole'])
    """
    return [name for name, known in DATASETS.items() if not kinds or set(kinds) & set(known.kinds)]


def grouped() -> dict[tuple[str, ...], list[str]]:
    """Kinds of learning → the sets that just they read. · 按学习种类分组。

    >>> grouped()["agents",]
    ['cartpole']
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for name, known in DATASETS.items():
        found.setdefault(known.kinds, []).append(name)
    return found


def inside(name: str) -> bool:
    """Whether a set ships with the package or is made by it. · 是否随包附带。

    >>> inside("digits"), inside("karate"), inside("mnist")
    (True, True, False)
    """
    return sources.SOURCES[name].bundled if name in sources.SOURCES else DATASETS[name].shelf is None


def here(name: str) -> Path | None:
    """The folder where a set lies; None where it does not, and for what is inside the package. · 数据集所在文件夹。"""
    if name in sources.SOURCES:
        source = sources.SOURCES[name]
        folders = [] if source.bundled else sources.places(name)
        return next((folder for folder in folders if sources.complete(source, folder)), None)
    shelf = DATASETS[name].shelf
    return shelf.here() if shelf else None


def named(source: str) -> Known | None:
    """The known set that a word means; None for another word, and where something lies on the disk under that name.

    · 词所指的已知数据集；磁盘上的同名文件优先。

    >>> named("digits").kinds, named("no-such-set")
    (('images', 'unsupervised'), None)
    """
    known = DATASETS.get(source)
    return None if known is None or Path(source).exists() else known


def check(source: str, kind: str = "") -> None:
    """Refuse what is neither a known set nor a path, and a set that this kind of learning cannot read. · 检查数据来源。

    What lies on the disk under the name of a set comes first. Raises `UserError`; a known set that is not on this
    machine is told what to put where.

    >>> check("digits", "images")
    >>> check("sunspots", "images")
    Traceback (most recent call last):
    ...
    chainrule.errors.UserError: data 'sunspots' is for series (what comes next in a time series), not for images: \
expected one of digits, mnist, fashion-mnist, cifar10, cifar100, cifar100-coarse, or a path
    """
    known = named(source)
    if known is None:
        _check_path(source, kind)
        return
    if kind and kind not in known.kinds:
        raise UserError(
            f"data {source!r} is for {' and '.join(known.kinds)} ({KINDS[known.kinds[0]].en}), not for {kind}: "
            f"expected one of {', '.join(names(kind))}, or a path"
        )
    if known.shelf:
        known.shelf.find(source)


def _check_path(source: str, kind: str) -> None:
    if source.startswith(GYM):
        if kind not in ("", "agents"):
            raise UserError(f"data {source!r} is for agents ({KINDS['agents'].en}), not for {kind}")
        return
    if sources.path_of(source) is None:
        listed = names(kind) if kind else names()
        raise UserError(
            f"data {source!r}: expected one of {', '.join(listed)} or the path of a file or folder, and there is no "
            f"such path{did_you_mean(source, DATASETS)}"
        )
