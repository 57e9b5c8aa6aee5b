"""What an evaluation leaves on disk: tables, curves, the worst mistakes. · 评估报告：表格、曲线与最严重的错误。

evaluation.md, evaluation.json, and as far as there are classes confusion.png, ranking.png, calibration.png,
mistakes.png.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..learn.judgement import Judgement
from ..runs import plots, ranked
from ..runs.contact import Tile, sheet
from ..runs.curves import share
from ..runs.durable import replace
from ..runs.log import dumps
from ..runs.report import class_names, escape, mistakes, rows, show
from ..runs.style import ORANGE

MOST_MISTAKES = 24
_MOST_CLASSES = 30
HEAD = ("class · 类别", "samples · 样本", "precision · 精确率", "recall · 召回率", "F1", "AUC", "AP")


@dataclass(frozen=True)
class Warmth:
    """The temperature that answers would need, and where it was found. · 所需温度及其来源。"""

    temperature: float
    fitted_on: str


def figures(found: Judgement, warmth: Warmth) -> dict[str, Any]:
    """Everything in numbers, ready for JSON. · 全部数值。"""
    out: dict[str, Any] = dict(found.figures)
    if found.kind == "regression":
        return out | ({"plain": found.plain, "tta": found.tta} if found.plain else {})
    table, calibration = found.table(), found.calibration()
    out |= {"auc": _mean(row["auc"] for row in table), "ap": _mean(row["ap"] for row in table)}
    out |= {"ece": calibration.ece, "mce": calibration.mce}
    if not math.isnan(warmth.temperature):
        out |= {"temperature": warmth.temperature, "temperature_fitted_on": warmth.fitted_on}
        out["ece_at_temperature"] = found.cooled(warmth.temperature).ece
    if found.plain:
        out |= {"plain": found.plain, "tta": found.tta}
    return out | {"classes": table, "confusion": found.confusion}


def _mean(values: Any) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def write(found: Judgement, told: Mapping[str, Any], folder: Path, title: str) -> list[Path]:
    """The report of one evaluation; returns its files, evaluation.md first. · 写出评估报告。

    told  what `figures` gave. Raises `WriteFailed` where the disk refuses; what was there before is then intact.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [] if found.kind == "regression" else _pictures(found, told, folder, title)
    replace(folder / "evaluation.json", dumps(dict(told)).encode("utf-8", "backslashreplace"))
    text = _markdown(found, told, title, pictures)
    replace(folder / "evaluation.md", text.encode("utf-8", "replace"))
    return [folder / name for name in ("evaluation.md", "evaluation.json", *pictures)]


def _pictures(found: Judgement, told: Mapping[str, Any], folder: Path, title: str) -> list[str]:
    names = []
    if found.confusion:
        plots.confusion(found.confusion, found.classes, folder / "confusion.png", title)
        names.append("confusion.png")
    curves = [
        ranked.Ranked(name, _pair(r.roc), _pair(r.precision_recall), r.auc, r.average_precision)
        for name, r in zip(found.classes, found.rankings(), strict=True)
        if not math.isnan(r.auc)
    ]
    ranked.rankings(curves, folder / "ranking.png", title)
    sums = found.calibration()
    rows_ = (sums.count.tolist(), sums.right.tolist(), sums.confidence.tolist())
    ranked.reliability(ranked.Reliability(*rows_, sums.ece, _advice(told)), folder / "calibration.png", title)
    names += ["ranking.png", "calibration.png"]
    worst = found.worst(MOST_MISTAKES)
    if worst:
        sheet(
            [("", [_mistake(found, *one) for one in worst])], folder / "mistakes.png", f"{title} · the worst mistakes"
        )
        names.append("mistakes.png")
    else:
        (folder / "mistakes.png").unlink(missing_ok=True)  # of an evaluation before, which made some
    return names


def _pair(curve: tuple[Tensor, Tensor]) -> tuple[list[float], list[float]]:
    return curve[0].tolist(), curve[1].tolist()


def _advice(told: Mapping[str, Any]) -> str:
    if "temperature" not in told:
        return ""
    t = told["temperature"]
    verdict = "too sure" if t > 1.05 else "not sure enough" if t < 0.95 else "about as sure as it is right"
    return f"{verdict}: temperature {t:.3g} would leave {100 * told['ece_at_temperature']:.2f} %"


def _mistake(found: Judgement, index: int, surety: float) -> Tile:
    """One wrong answer as picture: what it is → what it was taken for. · 一个错误。"""
    raw = found.split.raw(index).numpy()
    image = raw[0] if len(raw) == 1 else np.ascontiguousarray(raw.transpose(1, 2, 0))
    truth, named = found.truth[index], found.named()[index]
    note = Path(found.split.names(index)).name
    note = f"sample {note}" if note.isdigit() else note
    if found.kind == "classification":
        text = f"{_names(found, truth)} → {_names(found, named)}"
        return Tile(image, text, f"{share(surety)} · {note}", ORANGE)
    extra, missing = named & ~truth, truth & ~named
    text = " ".join(
        [*(f"+{found.classes[c]}" for c in _places(extra)), *(f"−{found.classes[c]}" for c in _places(missing))]
    )
    return Tile(image, text, f"{share(surety)} · {note}", ORANGE)


def _places(chosen: Tensor) -> list[int]:
    return chosen.nonzero()[:, 0].tolist()


def _names(found: Judgement, chosen: Tensor) -> str:
    return ", ".join(found.classes[c] for c in _places(chosen)) or "–"


def class_rows(table: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The rows of the class table as text, the worst 30 of many. · 各类表格的文本行。"""
    shown = list(table)
    if len(shown) > _MOST_CLASSES:
        shown = sorted(shown, key=lambda row: (row["f1"] != row["f1"], row["f1"]))[:_MOST_CLASSES]
    out = []
    for row in shown:
        rates = [_share(row[key]) for key in ("precision", "recall", "f1")]
        areas = ["–" if math.isnan(row[key]) else f"{row[key]:.4f}" for key in ("auc", "ap")]
        out.append([str(row["class"]), str(row["support"]), *rates, *areas])
    return out


def _share(value: float) -> str:
    return "–" if math.isnan(value) else share(value)


def _markdown(found: Judgement, told: Mapping[str, Any], title: str, pictures: Sequence[str]) -> str:
    plain: Mapping[str, float] = told.get("plain", {})
    single = {name: value for name, value in told.items() if isinstance(value, float)}
    head = ["figure · 指标", *([f"tta={found.tta}", "plain · 不增强"] if plain else ["value · 数值"])]
    lines = [
        [name, show(name, value), *([show(name, plain[name]) if name in plain else ""] if plain else [])]
        for name, value in single.items()
    ]
    parts = [f"# {escape(title)}", "## Figures · 指标", rows(head, lines)]
    parts += [f"![{picture}]({picture})" for picture in pictures]
    if "classes" in told:
        many = f" (the {_MOST_CLASSES} worst)" if len(told["classes"]) > _MOST_CLASSES else ""
        parts += [f"## Classes · 各类{many}", rows(HEAD, class_rows(told["classes"]))]
    if found.confusion:
        names = class_names(found.classes, len(found.confusion))
        wrong = [(names[i], names[j], str(count)) for i, j, count in mistakes(found.confusion)]
        if wrong:
            times = ("true · 真实", "taken for · 误判为", "times · 次数")
            parts += ["## Most frequent mistakes · 最常见的混淆", rows(times, wrong)]
    return "\n\n".join(parts) + "\n"
