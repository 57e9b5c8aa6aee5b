"""Measured results of recipes, kept in a file that the pages read; no torch. · 配方实测结果的记录。"""

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..runs.durable import replace
from ..runs.log import history, read

CURVE = ("epoch", "train_loss", "val_loss", "val_accuracy", "val_return", "val_elbo")  # what is kept of each epoch
BESIDE = ("train_solving_steps",)  # figures of the training itself, kept beside those of the judged part


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, and of all processor cores together. · 墙钟与处理器秒数。"""

    wall: float
    processor: float


def row(recipe: str, run: Any, figures: dict[str, float], spent: Spent) -> dict[str, Any]:
    """One result: what was run, what came of it, how long it took, how it learned. · 一条结果。

    Of translations also BLEU by the length of the sentence.
    """
    settings = run.settings
    epochs = [e for e in history(read(run.folder.log)) if e["event"] == "epoch"]
    buckets = Path(run.path) / "report" / "lengths.json"
    part = "test_" if any(key.startswith("test_") for key in figures) else "val_"  # where nothing is kept for testing
    return {
        "recipe": recipe,
        "seed": settings.seed,
        "epochs": settings.epochs,
        "figures": {key: round(value, 5) for key, value in figures.items() if key.startswith((part, *BESIDE))},
        "wall": round(spent.wall, 1),
        "processor": round(spent.processor, 1),
        "threads": settings.threads or os.cpu_count(),
        "machine": platform.machine(),
        "curve": {key: [round(e[key], 5) for e in epochs] for key in CURVE if all(key in e for e in epochs)},
        **({"lengths": json.loads(buckets.read_text(encoding="utf-8"))} if buckets.is_file() else {}),
    }


def load(path: Path) -> list[dict[str, Any]]:
    """The results in a file, none where there is none. · 读取结果。

    Raises `UserError` for a file that is no list of results.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as recorded results ({error}); expected another file") from error
    if not (isinstance(found, list) and all(isinstance(one, dict) and "recipe" in one for one in found)):
        raise UserError(f"{path}: expected a list of recorded results; give --record another file")
    return found


def write(path: Path, recipe: str, run: Any, figures: dict[str, float], spent: Spent) -> None:
    """Put a result into the file; one of the same recipe, seed and length makes way. · 写入结果。"""
    new = row(recipe, run, figures, spent)
    key = ("recipe", "seed", "epochs")
    kept = [one for one in load(path) if any(one.get(k) != new[k] for k in key)]
    rows = sorted([*kept, new], key=lambda one: [one.get(k, 0) for k in key])
    replace(path, ("[\n" + ",\n".join(json.dumps(one) for one in rows) + "\n]\n").encode())
