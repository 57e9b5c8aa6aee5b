"""What all benchmarks share: a table of forms that took turns, as text, Markdown and JSON.

A row is one thing to do, a form one way to do it; each form's speed is a ratio to the row's best peer (above 1: ours is
faster), the median over the rounds of one run with its quartiles.
"""

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import torch

from chainrule.timing import Ratio, Within, interleave, medians

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent / "README.md"
THREADS = 2
CLOCKS = {"wall": perf_counter, "processor": process_time}
clock = {"name": "wall"}


@dataclass
class Row:
    """One thing to do: seconds of each form, and of each of ours the ratio best peer / ours."""

    name: str
    shape: str
    peers: tuple[str, ...]
    seconds: dict[str, float]
    ratios: dict[str, Ratio]
    spread: float  # of the best peer: half the distance of its quartiles as a share of its median

    @property
    def best(self) -> str:
        return min(self.peers, key=self.seconds.__getitem__)


@dataclass
class Table:
    """The rows of one benchmark, and its goal: form → the least ratio, for rows of at least `floor` seconds.

    With `times` the cells of our forms tell the time too.
    """

    name: str
    title: str
    goal: dict[str, float]
    floor: float = 0.0
    times: bool = False
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def below(self) -> list[tuple[Row, str]]:
        """The rows that miss the goal, with the form that does."""
        return [
            (row, form)
            for row in self.rows
            for form, least in self.goal.items()
            if row.seconds[row.best] >= self.floor and form in row.ratios and row.ratios[form].median < least
        ]


def measure(
    name: str,
    shape: str,
    calls: Mapping[str, Callable[[], Any]],
    peers: tuple[str, ...],
    seconds: float,
    within: Within[str] | None = None,
    rounds: int = 15,
) -> Row:
    """Let all forms take turns and compare ours with the best of the peers, round by round; the row is told at once.

    rounds: so many at least, 3 where `seconds` is below 1; fewer where a form takes many seconds.
    """
    least = 3 if seconds < 1 else rounds
    times = interleave(calls, seconds, rounds=least, within=within, clock=CLOCKS[clock["name"]])
    middle = medians(times)
    base = times[min(peers, key=middle.__getitem__)]
    ratios = {form: Ratio.of(base, each) for form, each in times.items() if form not in peers}
    swing = Ratio.of(base, [median(base)] * len(base))
    made = Row(name, shape, peers, middle, ratios, (swing.high - swing.low) / 2)
    print(f"{name} {shape}: {', '.join(told(made))}", file=sys.stderr, flush=True)
    return made


def told(row: Row) -> list[str]:
    """What is said of a row as soon as it is measured."""
    return [f"{peer} {peer_text(row, peer)}" for peer in row.peers] + [
        f"{form} {ratio_text(row, form, True)}" for form in row.ratios
    ]


def machine() -> dict[str, Any]:
    """What the figures depend on, and nothing that says whose machine it is."""
    return {
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "clock": clock["name"],
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def to_json(table: Table) -> dict[str, Any]:
    own = asdict(table)
    for row, kept in zip(own["rows"], table.rows, strict=True):
        row["best"] = kept.best
    return {"machine": machine(), **own}


def save(table: Table, folder: Path = RESULTS) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{table.name}.json"
    path.write_text(json.dumps(to_json(table), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def load(path: Path) -> tuple[Table, dict[str, Any]]:
    """A table as it was saved, and the machine it was measured on."""
    told = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for row in told["rows"]:
        row.pop("best")
        ratios = {form: Ratio(**ratio) for form, ratio in row.pop("ratios").items()}
        rows.append(Row(**{**row, "peers": tuple(row["peers"])}, ratios=ratios))
    kept = {k: told[k] for k in ("name", "title", "goal", "floor", "times", "notes")}
    return Table(**kept, rows=rows), told["machine"]


def duration(seconds: float) -> str:
    """Three digits, in the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size or unit == "µs":
            number = seconds / size
            return f"{number:.{max(0, 2 - len(str(int(number))) + 1)}f} {unit}"
    raise AssertionError


def cells(table: Table) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of text. A peer's cell is a time, ours a ratio to the best peer with its quartiles."""
    peers = list(dict.fromkeys(p for row in table.rows for p in row.peers))
    forms = list(dict.fromkeys(f for row in table.rows for f in row.ratios))
    lines = [
        [row.name, row.shape, *[peer_text(row, p) for p in peers], *[ratio_text(row, f, table.times) for f in forms]]
        for row in table.rows
    ]
    return ["", "size", *peers, *forms], lines


def peer_text(row: Row, peer: str) -> str:
    if peer not in row.seconds:
        return ""
    return duration(row.seconds[peer]) + (f" ±{row.spread:.0%}" if peer == row.best and row.spread else "")


def ratio_text(row: Row, form: str, times: bool) -> str:
    if form not in row.ratios:
        return ""
    ratio = row.ratios[form]
    told = f"{ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"
    return f"{duration(row.seconds[form])} · {told}" if times else told


def markdown(table: Table, where: dict[str, Any]) -> str:
    """A table for the README, as it is: what misses the goal stands below it."""
    heads, lines = cells(table)
    machine_line = ", ".join(f"{k} {v}" for k, v in where.items())
    text = [f"**{table.title}**", "", f"{machine_line}.", "", "| " + " | ".join(heads) + " |"]
    text += ["|" + "|".join(["---", "---", *["--:"] * (len(heads) - 2)]) + "|"]
    text += ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([*text, "", verdict(table), *[f"\n{note}" for note in table.notes]])


def verdict(table: Table) -> str:
    """One line: the goal, and which rows are below it."""
    goal = ", ".join(f"`{form}` ≥ {least}×" for form, least in table.goal.items())
    goal += f" in every row longer than {duration(table.floor)}" if table.floor else ""
    short = [f"{row.name} {row.shape} ({form} {row.ratios[form].median:.2f})" for row, form in table.below()]
    return f"Goal: {goal}. " + (f"Below it: {', '.join(short)}." if short else "Every row reaches it.")


def rewrite(path: Path, name: str, text: str) -> None:
    """Put text between the markers of that name in a Markdown file."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    whole = path.read_text(encoding="utf-8")
    if begin not in whole or end not in whole:
        raise ValueError(f"{path.name} has no markers {begin} … {end}")
    head, _, rest = whole.partition(begin)
    _, _, tail = rest.partition(end)
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")
