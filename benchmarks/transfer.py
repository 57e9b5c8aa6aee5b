"""What weights of another task are worth: a learning curve over the number of labelled pictures a class.

python benchmarks/transfer.py flowers resnet20-12fca82f.th

A fifth of each class is held out once and for all; of the rest the first N of a fixed draw are learned from, so that
more pictures hold all the fewer ones. Three ways see the same pictures, equally often: from first weights that are
drawn, with the backbone frozen, and opened after a quarter of the epochs at a tenth of the rate. The rate of each row
and way is the best of the same five on fifths of its own N pictures; only then is the way trained on all N, with three
seeds, and tested. Writes results/transfer.json after each step; `python docs/make.py --pictures transfer` draws it.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import torch

from chainrule import train

RESULTS = Path(__file__).parent / "results" / "transfer.json"
MODEL, SIZE, HELD_OUT = "resnet20", 32, 0.2
EPOCHS = {10: 40, 30: 24, 100: 8, 300: 3, 0: 3}  # pictures a class (0: all) → passes over them
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
FIFTHS = {10: 3, 30: 2}  # how many fifths are held out in turn to choose a rate: few pictures say little at once
SEEDS = (0, 1, 2)
COMMON = {
    "batch_size": 32,
    "schedule": "cosine",
    "augment": "crop+flip",
    "size": SIZE,
    "val": 0.0,
    "device": "cpu",
    "threads": 1,
    "channels_last": True,
}
WAYS: dict[str, dict[str, Any]] = {
    "scratch": {},
    "frozen": {"freeze": "backbone"},
    "opened": {"freeze": "backbone", "backbone_lr": 0.1},
}
Files = dict[str, list[Path]]  # class → its pictures


def pictures(source: Path, seed: int = 0) -> Files:
    """Class → its files in a drawn order. · 各类别的图片，顺序随机而固定。"""
    draw, found = random.Random(seed), {}
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        found[folder.name] = sorted(path for path in folder.iterdir() if path.is_file())
        draw.shuffle(found[folder.name])
    return found


def parts(found: Files, number: int) -> tuple[Files, Files]:
    """The N pictures a class that are learned from, and what is held out for the test. · 学习与测试的图片。"""
    held = {label: round(len(files) * HELD_OUT) for label, files in found.items()}
    learned = {label: files[held[label] :][: number or None] for label, files in found.items()}
    return learned, {label: files[: held[label]] for label, files in found.items()}


def without(learned: Files, fifth: int) -> tuple[Files, Files]:
    """The same less every fifth picture, and these. · 去掉其中五分之一，以及这五分之一。"""
    rest = {label: [file for i, file in enumerate(files) if i % 5 != fifth] for label, files in learned.items()}
    return rest, {label: files[fifth::5] for label, files in learned.items()}


def measure(learned: Files, judged: Files, weights: Path, more: dict[str, Any]) -> float:
    """The accuracy of one run on pictures that it has not seen. · 一次训练在未见图片上的准确率。"""
    if "freeze" in more:
        more = {**more, "weights": str(weights)}
    if "backbone_lr" in more:
        more = {**more, "unfreeze": (max(1, more["epochs"] // 4),)}
    with TemporaryDirectory() as folder:
        for part, files in {"train": learned, "test": judged}.items():
            for label, chosen in files.items():
                home = Path(folder, "pictures", part, label)
                home.mkdir(parents=True)
                for file in chosen:
                    (home / file.name).symlink_to(file.resolve())
        run = train(MODEL, Path(folder, "pictures"), **COMMON, **more, runs=str(Path(folder, "runs")))
        return run.metrics["test_accuracy"]


def tried(learned: Files, weights: Path, number: int, way: str) -> dict[float, float]:
    """Rate → accuracy on fifths of what may be learned from, each held out from its own run. · 各学习率的留出准确率。"""
    found = {}
    for lr in RATES:
        more = {**WAYS[way], "epochs": EPOCHS[number], "lr": lr}
        fifths = range(FIFTHS.get(number, 1))
        found[lr] = fmean(measure(*without(learned, fifth), weights, more) for fifth in fifths)
    return found


def measured(source: Path, weights: Path) -> None:
    """Every row and way: choose the rate, then train and test; each written down as it ends. · 逐行选择、训练并测试。"""
    found = pictures(source)
    _, test = parts(found, 0)
    most = round(sum(map(len, parts(found, 0)[0].values())) / len(found))
    table: dict[str, Any] = {"model": MODEL, "size": SIZE, "classes": list(found), "weights": weights.name}
    table |= {"held_out": sum(map(len, test.values())), "all": most, "torch": torch.__version__, "runs": []}
    for number, epochs in EPOCHS.items():
        learned, _ = parts(found, number)
        for way in WAYS:
            began = time.process_time()
            rates = tried(learned, weights, number, way)
            lr = max(rates, key=lambda rate: rates[rate])
            more = {**WAYS[way], "epochs": epochs, "lr": lr}
            accuracy = [measure(learned, test, weights, {**more, "seed": seed}) for seed in SEEDS]
            row = {"number": number or most, "epochs": epochs, "way": way, "lr": lr, "tried": rates}
            row |= {"accuracy": accuracy, "seconds": round(time.process_time() - began, 1)}
            table["runs"].append(row)
            print(json.dumps(row), flush=True)
            RESULTS.write_text(json.dumps(table, indent=1) + "\n")


def main(words: list[str]) -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("pictures", type=Path, help="a folder with a folder for each class")
    asked.add_argument("weights", type=Path, help="a file or a run that the first weights come from")
    given = asked.parse_args(words)
    measured(given.pictures, given.weights)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
