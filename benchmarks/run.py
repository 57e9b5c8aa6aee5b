"""Run the benchmarks, all or those named; save them as JSON and write their tables into README.md.

    python benchmarks/run.py [modules] [steps] [vision] … [--seconds 2] [--only Conv2d] [--dry]

`--seconds` is the time for one row, `--only` picks rows by name, `--dry` prints and keeps nothing.
"""

import argparse
import os

import harness
import torch
from rich.console import Console
from rich.table import Table as Shown

from chainrule.errors import unknown


def benchmark(name: str):
    """The benchmark of that name; each is imported when it is its turn."""
    from importlib import import_module

    return import_module(name)


FRONT = [harness.README.parents[1] / page for page in ("README.md", "README.zh-CN.md")]
NAMES = (
    *("modules", "optimizers", "steps", "vision", "start", "augment", "word2vec", "graphs"),
    *("sequences", "batching", "decoding"),
)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="chainrule bench", description="Measure the speed of chainrule against torch."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=float, default=2.0, help="time for one row (2)")
    parser.add_argument("--threads", type=int, default=min(harness.THREADS, os.cpu_count() or 1))
    parser.add_argument("--clock", choices=list(harness.CLOCKS), default="wall", help="processor time needs 1 thread")
    parser.add_argument("--only", nargs="+", default=[], metavar="ROW", help="only these rows")
    parser.add_argument("--dry", action="store_true", help="print only: no JSON, no README")
    chosen = parser.parse_args()
    wrong = [name for name in chosen.names if name not in NAMES]
    if wrong:
        raise unknown("benchmark", wrong[0], NAMES)
    return chosen


def show(table: harness.Table) -> None:
    """The table on the terminal; as wide as it needs where that is a file."""
    console = Console(width=None if Console().is_terminal else 200)
    heads, lines = harness.cells(table)
    shown = Shown(title=table.title, title_justify="left")
    for index, head in enumerate(heads):
        shown.add_column(head, justify="left" if index < 2 else "right", overflow="fold")
    for line in lines:
        shown.add_row(*line)
    console.print(shown)
    for note in [harness.verdict(table), *table.notes]:
        console.print(note, highlight=False, markup=False)


def main() -> None:
    chosen = options()
    harness.clock["name"] = chosen.clock
    torch.set_num_threads(chosen.threads if chosen.clock == "wall" else 1)
    for name in chosen.names or NAMES:
        table = benchmark(name).run(chosen.seconds, chosen.only)
        show(table)
        if not chosen.dry and not chosen.only:
            kept, where = harness.load(harness.save(table))
            text = harness.markdown(kept, where)
            harness.rewrite(harness.README, name, text)
            if name == "steps":  # the whole step is what a user feels: the front pages show it, too
                for page in FRONT:
                    harness.rewrite(page, "speed", text)


if __name__ == "__main__":
    main()
