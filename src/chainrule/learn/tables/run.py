"""What one can ask of a run that learned from a table. · 可以问一次表格学习运行的问题。"""

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np
import torch

from ...data.names import show
from ...data.tables.columns import Cells, as_known, encode, numbers, texts
from ...data.tables.files import Frame, read_table
from ...data.tables.reading import Rows
from ...errors import UserError
from ..parcel import Exported
from ..trained import Run

BATCH = 4096  # rows at a time


@dataclass(frozen=True)
class Foretold:
    """The answers for all rows of a table. · 对表格各行的预测。

    answers  a class or a number a row; shares  the probability of each class [N, C], None for numbers
    figures  what they are worth, where the table holds the target; lines  what was odd
    """

    frame: Frame
    target: str
    answers: tuple[Any, ...]
    shares: np.ndarray | None
    figures: dict[str, float]
    lines: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.answers)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each row as it was given, with the answer behind it. · 逐行给出原始数据与预测。"""
        columns = {name: texts(cells) for name, cells in self.frame.columns.items()}
        best = None if self.shares is None else self.shares.max(1)
        for i, answer in enumerate(self.answers):
            row: dict[str, Any] = {name: cells[i] for name, cells in columns.items()}
            row[f"predicted {self.target}"] = answer
            yield row if best is None else {**row, "probability": float(best[i])}


class TableRun(Run):
    """A run that learned classes or numbers from a table. · 一次表格学习的运行。"""

    use_it = ("predict", "FILE.csv")

    @property
    def decides(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "accuracy" if self.facts.task == "classification" else "r2"

    @property
    def classes(self) -> tuple[str, ...]:
        return self.facts.classes

    def predict(self, path: str | PathLike[str]) -> Foretold:
        """The answer for each row of a table; its columns may stand in any order. · 预测表格的每一行。

        Raises `UserError` for what is no table, for columns that are not there or hold something else than in training.
        """
        frame, facts = self._frame(fspath(path)), self.facts
        coded = encode(as_known(frame, facts.columns), facts.columns)
        out = self._answers(torch.from_numpy(coded.numbers), torch.from_numpy(coded.categories))
        lines = [*coded.lines, *self._unknown(frame)]
        figures: dict[str, float] = {}
        if facts.target in frame.columns:
            try:
                y, rows = self._targets(frame)
            except UserError as error:
                lines.append(f"not judged: {error}")
            else:
                figures = self._judged(out[rows], y) if len(rows) else {}
        if facts.task == "regression":
            answers = (out.double()[:, 0] * facts.std + facts.mean).tolist()
            return Foretold(frame, facts.target, tuple(answers), None, figures, tuple(lines))
        shares = out.double().softmax(1).numpy()
        answers = tuple(facts.classes[c] for c in shares.argmax(1).tolist())
        return Foretold(frame, facts.target, answers, shares, figures, tuple(lines))

    def export(self, to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None) -> Exported:
        """Write it for use elsewhere: "onnx", "torch" or "safetensors"; see `shipping.export` here. · 导出。"""
        from .shipping import export

        return export(self, to, fold_bn, out)

    def said(self, part: Rows) -> np.ndarray:
        """What the network foretells of a part: scores of the classes [N, C], or numbers in standard units [N, 1]."""
        return self._answers(part.numbers, part.categories).double().numpy()

    def _frame(self, source: str) -> Frame:
        """The table, its columns named as those of the training where it has no titles of its own."""
        frame = read_table(source, dict(self.settings.data))
        titles = self.facts.titles
        if frame.titled or not len(frame.columns):
            return frame
        without = tuple(title for title in titles if title != self.facts.target)
        chosen = next((names for names in (titles, without) if len(names) == len(frame.columns)), None)
        if chosen is None:
            raise UserError(
                f"{show(frame.name)}: {len(frame.columns)} columns without titles: expected the {len(titles)} of the "
                f"training, or the {len(without)} without {show(self.facts.target)}"
            )
        renamed: dict[str, Cells] = dict(zip(chosen, frame.columns.values(), strict=True))
        return Frame(frame.name, renamed, frame.places, frame.fingerprint)

    def _unknown(self, frame: Frame) -> list[str]:
        new = [name for name in frame.columns if name not in self.facts.titles]
        if not new:
            return []
        return [
            f"{show(frame.name)}: columns that training did not have are not looked at: {', '.join(map(show, new[:8]))}"
        ]

    @torch.no_grad()
    def _answers(self, x: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        network = self.network
        parts = [network(x[i : i + BATCH], c[i : i + BATCH]) for i in range(0, len(x), BATCH)]
        return torch.cat(parts)

    def _judged(self, out: torch.Tensor, y: torch.Tensor) -> dict[str, float]:
        task = self.kind.task(self.settings, self.facts)
        metrics = task.metrics()
        metrics.add(task.units(out), task.units(y), float(task.loss(out, y)))
        return metrics.figures()

    def _targets(self, frame: Frame) -> tuple[torch.Tensor, torch.Tensor]:
        """The targets of the rows that have one, as the network was taught, and which rows those are."""
        facts = self.facts
        if facts.task == "regression":
            values = numbers(frame, facts.target)
            if values is None:
                raise UserError(f"column {show(facts.target)} holds texts: expected numbers, as in training")
            rows = torch.from_numpy(np.flatnonzero(~np.isnan(values)))
            y = (torch.from_numpy(values)[rows] - facts.mean) / facts.std
            return y.float(), rows
        place = {label: i for i, label in enumerate(facts.classes)}
        words = texts(frame.columns[facts.target])
        new = sorted({word for word in words if word is not None and word not in place})
        if new:
            raise UserError(
                f"column {show(facts.target)}: classes that training never saw ({', '.join(map(show, new[:5]))}): "
                f"expected {', '.join(map(show, facts.classes[:8]))}"
            )
        rows = torch.tensor([i for i, word in enumerate(words) if word is not None], dtype=torch.int64)
        return torch.tensor([place[words[i] or ""] for i in rows.tolist()], dtype=torch.int64), rows

    def _load(self, source: str) -> Any:
        """Its own table in its parts; another is a test part as a whole."""
        if source == self.data:
            return super()._load(source)
        frame = self._frame(source)
        if self.facts.target not in frame.columns:
            raise UserError(
                f"{show(frame.name)}: no column {show(self.facts.target)}: expected the target, to judge by it"
            )
        y, rows = self._targets(frame)
        if not len(rows):
            raise UserError(
                f"{show(frame.name)}: nothing in column {show(self.facts.target)}: expected the target, to judge by it"
            )
        coded = encode(as_known(frame, self.facts.columns), self.facts.columns)
        numbers_, categories = torch.from_numpy(coded.numbers)[rows], torch.from_numpy(coded.categories)[rows]
        return Whole(source, Rows(numbers_, categories, y, rows))


@dataclass(frozen=True)
class Whole:
    """A table that is judged by, all of it. · 整张用于评估的表格。"""

    source: str
    test: Rows
    train: None = None
    val: None = None
