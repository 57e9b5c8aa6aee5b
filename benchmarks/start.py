"""How long the command line takes to answer, and what `import chainrule` adds to `import torch`.

Whole processes, from the call to the exit; the peer of each row is the limit it has to keep.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from statistics import median

from harness import Row, Table, clock

from chainrule.timing import Ratio

COMMAND = [sys.executable, "-c", "from chainrule.cli.main import main; raise SystemExit(main())"]
COMPLETION = {"_CHAINRULE_COMPLETE": "bash_complete", "COMP_WORDS": "chainrule tr", "COMP_CWORD": "1"}
LIMIT, ADDED = 0.3, 0.2


def spent() -> float:
    """The clock of child processes: the time of day, or what the finished ones have computed."""
    if clock["name"] == "wall":
        return time.perf_counter()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def process(command: list[str], code: int, **environment: str) -> Callable[[], float]:
    """Seconds of a whole process; it has to end with that code."""

    def seconds() -> float:
        begin = spent()
        done = subprocess.run(command, capture_output=True, env={**os.environ, **environment}, check=False)
        passed = spent() - begin
        if done.returncode != code:
            raise RuntimeError(f"{' '.join(command[2:])} ended with {done.returncode}: {done.stderr.decode()[-300:]}")
        return passed

    return seconds


def added() -> float:
    """Seconds of `import chainrule` and its rooms where torch is there already."""
    timer = "perf_counter" if clock["name"] == "wall" else "process_time"
    text = f"import torch; from time import {timer} as t; b = t(); import chainrule.nn, chainrule.optim; print(t() - b)"
    return float(subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout)


ROWS: dict[str, tuple[Callable[[], float], float]] = {
    "python -c pass (for comparison)": (process([sys.executable, "-c", "pass"], 0), LIMIT),
    "chainrule --help": (process([*COMMAND, "--help"], 0), LIMIT),
    "chainrule train --help": (process([*COMMAND, "train", "--help"], 0), LIMIT),
    "chainrule train lenet digits epoch=3": (process([*COMMAND, "train", "lenet", "digits", "epoch=3"], 2), LIMIT),
    "completion of `chainrule tr`": (process(COMMAND, 0, **COMPLETION), LIMIT),
    "import chainrule.nn, chainrule.optim beyond torch": (added, ADDED),
}


def run(seconds: float, only: Iterable[str] = ()) -> Table:
    """The table; `only`: how a row begins. Rows take turns as everywhere."""
    chosen = {name: spec for name, spec in ROWS.items() if not only or any(name.startswith(o) for o in only)}
    times: dict[str, list[float]] = {name: [] for name in chosen}
    stop = time.perf_counter() + seconds * len(chosen)
    while not all(len(each) >= 3 for each in times.values()) or time.perf_counter() < stop:
        for name, (measure, _) in chosen.items():
            times[name].append(measure())
    title = "Start: the limit, the time of ours, and how often ours fits into the limit"
    table = Table("start", title, {"ours": 1.0}, times=True)
    for name, (_, limit) in chosen.items():
        own = times[name]
        ratios = {"ours": Ratio.of([limit] * len(own), own)}
        table.rows.append(Row(name, "process", ("limit",), {"limit": limit, "ours": median(own)}, ratios, 0.0))
    return table
