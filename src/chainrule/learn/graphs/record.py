"""What a reproduction on a graph gave, kept a line a seed: what is there is not trained again. · 复现记录。"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import UserError
from .cora import Outcome, Recipe, summary

FILE = "outcomes.jsonl"


class Record:
    """The outcomes in a folder, of one recipe on one graph. · 某配方在某图上的全部结果。

    Raises `UserError` where the folder holds those of another.
    """

    def __init__(self, folder: Path, recipe: Recipe, graph: dict[str, Any]):
        self.folder, self.path = folder, folder / FILE
        self.head = {"recipe": asdict(recipe), "graph": graph}
        self.outcomes: dict[tuple[str, int], Outcome] = {}
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        text = self.path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]  # a kill in the middle of a line leaves a part of it
        if whole != text:
            self.path.write_text(whole, encoding="utf-8")
        lines = whole.splitlines()
        try:
            head, rows = json.loads(lines[0]), [json.loads(line) for line in lines[1:]]
            outcomes = [Outcome(**row) for row in rows]
        except (IndexError, ValueError, TypeError) as error:
            raise UserError(f"{self.path}: no record of a reproduction ({error}): move it away or give name=") from None
        if head != self.head:
            changed = [key for key in self.head if head.get(key) != self.head[key]]
            raise UserError(
                f"{self.path}: was made with another {' and '.join(changed)}: give name= for a record of its own"
            )
        self.outcomes = {(o.row, o.seed): o for o in outcomes}

    def add(self, outcome: Outcome) -> None:
        """One more, on the disk before the next begins. · 追加一条结果。"""
        self.folder.mkdir(parents=True, exist_ok=True)
        whole = self.path.exists()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(("" if whole else json.dumps(self.head) + "\n") + json.dumps(asdict(outcome)) + "\n")
        self.outcomes[outcome.row, outcome.seed] = outcome

    def of(self, row: str, seeds: range) -> list[Outcome]:
        """Those of a row, seed by seed. · 某一行的结果。"""
        return [self.outcomes[row, seed] for seed in seeds if (row, seed) in self.outcomes]

    def figures(self, row: str, seeds: range) -> dict[str, float]:
        """Mean and deviation of a row. · 某一行的均值与标准差。"""
        return summary(self.of(row, seeds))
