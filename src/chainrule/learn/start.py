"""What a run begins with: weights of a file or of another run, and what is kept of them. · 运行的起始权重。

The numbers themselves are in the first checkpoint; `weights.json` beside it holds where they came from, their sha256,
what was adapted, and the eps and momentum of the norms, which no checkpoint of weights holds.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from ..data.names import show
from ..data.sources import places
from ..errors import UserError
from ..runs import checkpoint
from ..runs.durable import replace
from ..runs.folder import RunFolder
from ..runs.manifest import TENSORS, generations
from ..settings import Settings
from ..zoo.foreign import Foreign, read_foreign, sha256_of
from ..zoo.weights import Report, load_weights, set_norm
from .state import under

KEPT = "weights.json"


def source(name: str, runs: str = "runs") -> Foreign:
    """The weights of a file, or the best ones of a run. · 文件或运行中的权重。

    name a file, a run's folder or its name in `runs`; a file's name alone is also looked for where published weights
    are kept. Raises `UserError` for what is none of these.
    """
    if (folder := _run(name, runs)) is not None:
        return _of_run(folder)
    given = Path(name).expanduser()
    if not given.exists() and given.name == name:
        given = next((folder / name for folder in places("weights") if (folder / name).is_file()), given)
    return read_foreign(given)


def _run(name: str, runs: str) -> RunFolder | None:
    given = Path(name).expanduser()
    found = [path for path in (given, Path(runs) / given) if (path / "run.toml").is_file()]
    return RunFolder.open(found[0]) if found else None


def _best(folder: RunFolder) -> checkpoint.Generation:
    return checkpoint.load(folder.best if generations(folder.best) else folder.checkpoints)


def _of_run(folder: RunFolder) -> Foreign:
    found = _best(folder)
    tensors = under(found.tensors, "average") or under(found.tensors, "model")
    which = f"step {found.step} of run {folder.name!r}"
    norm = _norm(folder)
    return Foreign(found.path / TENSORS, tensors, sha256_of(found.path / TENSORS), [which], norm=norm)


def _norm(folder: RunFolder) -> tuple[float, float] | None:
    found = kept(folder).get("norm")
    return (found[0], found[1]) if found else None


def begin(network: torch.nn.Module, model: str, settings: Settings) -> Report | None:
    """Put the weights that the settings name into a network; None where they name none. · 载入设置所指的权重。"""
    if settings.weights is None:
        return None
    return load_weights(network, source(settings.weights, settings.runs), model)


def same_tokens(facts: Any, settings: Settings) -> None:
    """Refuse the weights of a run whose rows stand for other tokens: as tables they would fit. · 检查词表是否相同。

    facts: of the data that is to be learned. Raises `UserError` that names the first token that is another.
    """
    folder = _run(settings.weights, settings.runs) if settings.weights and facts.numbered else None
    if folder is None:
        return
    kept, ours = _best(folder).state.get("facts", {}), facts.to_json()
    for field in facts.numbered:
        for mine, theirs in zip(_tables(ours[field]), _tables(kept.get(field, [])), strict=False):
            if mine != theirs:
                row = next((i for i, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), None)
                row = min(len(mine), len(theirs)) if row is None else row
                told = [repr(show(table[row])) if row < len(table) else "nothing" for table in (theirs, mine)]
                raise UserError(
                    f"weights={settings.weights}: of {len(theirs):,} tokens, number {row} is {told[0]}; of the "
                    f"{len(mine):,} of {facts.name} it is {told[1]}: expected a run with the same vocabulary"
                )


def _tables(value: list[Any]) -> list[list[str]]:
    """One vocabulary, or those of both sides."""
    return value if value and isinstance(value[0], list) else [value] if value else []


def keep(folder: RunFolder, report: Report, **more: Any) -> None:
    """Write down what the run began with. · 记录起始权重。"""
    replace(folder.path / KEPT, json.dumps(asdict(report) | more, ensure_ascii=False, indent=1).encode())


def kept(folder: RunFolder) -> dict[str, Any]:
    """What the run began with, or nothing. · 读回起始权重的记录。

    Raises `UserError` for a file that is damaged.
    """
    try:
        found = json.loads((folder.path / KEPT).read_text(encoding="utf-8"))
        norm = found["norm"]
        if not (norm is None or ([float(n) for n in norm] == norm and len(norm) == 2)):
            raise ValueError
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{folder.path / KEPT} is damaged: put it back from a backup, or train anew") from error
    return found


def as_begun(network: torch.nn.Module, folder: RunFolder) -> None:
    """The norms of a network made anew, as the run's first weights need them. · 恢复归一化的设置。"""
    set_norm(network, _norm(folder))


def changed(folder: RunFolder, settings: Settings) -> list[str]:
    """One line if the file of the first weights is not the one the run began with. · 起始文件是否已变。"""
    then = kept(folder).get("sha256")
    if then is None or settings.weights is None:
        return []
    try:
        now = source(settings.weights, settings.runs).sha256
    except UserError:
        return []  # gone since: nothing is asked of it any more
    if now == then:
        return []
    return [f"weights={settings.weights}: not the file the run began with (sha256 {now[:12]}…, then {then[:12]}…)"]


def slow_norms(network: torch.nn.Module, updates: int) -> list[str]:
    """One line if norms that begin at 0 and 1 do not get to know their inputs in so few updates. · 统计量来不及更新。

    >>> slow_norms(torch.nn.BatchNorm2d(3, momentum=0.01), 100)[0][:72]
    'the norms take in 0.01 of each batch: after 100 updates their statistics'
    >>> slow_norms(torch.nn.BatchNorm2d(3), 100)
    []
    """
    found = [m.momentum for m in network.modules() if isinstance(m, _BatchNorm) and m.momentum]
    left = (1 - min(found, default=1.0)) ** updates
    if min(found, default=1.0) >= 0.05 or left < 0.05:  # those of 0.1 forget their beginning within 30 updates
        return []
    return [
        f"the norms take in {min(found):g} of each batch: after {updates} updates their statistics are still to "
        f"{100 * left:.0f} % the 0 and 1 that they began with, and judging goes by them; train longer, or begin with "
        "weights="
    ]


def refuse_imported(folder: RunFolder) -> None:
    """A run of imported weights has no training to go on with. · 导入的权重没有可续的训练。"""
    if kept(folder).get("imported"):
        raise UserError(
            f"run {folder.name!r} holds imported weights and was never trained: expected a trained run; begin one "
            f"with chainrule train MODEL DATA weights={folder.path}"
        )
