"""What weights of another task are worth: a learning curve over the number of labelled pictures a class.

python benchmarks/transfer.py flowers resnet20-12fca82f.th

A fifth of each class is held out for the test once and for all; of the rest the first N of a fixed draw are learned
from, so that more pictures hold all the fewer ones. Three ways see the same pictures, equally often: from first weights
that are drawn, with the backbone frozen, and opened after a quarter of the epochs at a tenth of the rate. Each row and
way tries five rates; the one is taken that does best on the last fifth of what is no test, which none of those tries
learns from. Only then is it trained anew on its N pictures, with three seeds, and tested. Writes results/transfer.json
after each row and way; `python docs/make.py --pictures transfer` draws it.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from chainrule import train

RESULTS = Path(__file__).parent / "results" / "transfer.json"
MODEL, SIZE, HELD_OUT = "resnet20", 32, 0.2
EPOCHS = {10: 40, 30: 24, 100: 8, 0: 3}  # pictures a class (0: all) → passes over them
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
# A head alone, or beside a backbone that goes at a tenth of its rate, takes a larger one than a whole network.
KNOWN = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
RATES = {"scratch": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2), "frozen": KNOWN, "opened": KNOWN}
Files = dict[str, list[Path]]  # class → its pictures


def pictures(source: Path, seed: int = 0) -> Files:
    """Class → its files in a drawn order. · 各类别的图片，顺序随机而固定。"""
    draw, found = random.Random(seed), {}
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        found[folder.name] = sorted(path for path in folder.iterdir() if path.is_file())
        draw.shuffle(found[folder.name])
    return found


def parts(found: Files, number: int) -> dict[str, Files]:
    """What a way tries a rate on and is tried by, and what it is trained on and tested by. · 选择与测试所用的图片。"""
    held = {label: round(len(files) * HELD_OUT) for label, files in found.items()}
    rest = {label: files[held[label] :] for label, files in found.items()}
    kept = {label: len(files) - round(len(files) * HELD_OUT) for label, files in rest.items()}
    return {
        "try": {label: files[: kept[label]][: number or None] for label, files in rest.items()},
        "judge": {label: files[kept[label] :] for label, files in rest.items()},
        "train": {label: files[: number or None] for label, files in rest.items()},
        "test": {label: files[: held[label]] for label, files in found.items()},
    }


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


def measured(source: Path, weights: Path) -> None:
    """Every row and way: choose the rate, then train and test; each written down. · 逐行选择、训练并测试。"""
    found = pictures(source)
    count = {part: sum(map(len, files.values())) for part, files in parts(found, 0).items()}
    table: dict[str, Any] = {"model": MODEL, "size": SIZE, "classes": list(found), "weights": weights.name}
    table |= {"held_out": count["test"], "judged": count["judge"], "torch": torch.__version__, "runs": []}
    for number, epochs in EPOCHS.items():
        part = parts(found, number)
        for way in WAYS:
            began = time.process_time()
            more = {**WAYS[way], "epochs": epochs}
            tried = {lr: measure(part["try"], part["judge"], weights, {**more, "lr": lr}) for lr in RATES[way]}
            more["lr"] = max(tried, key=lambda lr: tried[lr])
            accuracy = [measure(part["train"], part["test"], weights, {**more, "seed": seed}) for seed in SEEDS]
            row = {"number": number or round(count["train"] / len(found)), "epochs": epochs, "way": way}
            row |= {"lr": more["lr"], "tried": tried, "accuracy": accuracy}
            table["runs"].append({**row, "seconds": round(time.process_time() - began, 1)})
            print(json.dumps(table["runs"][-1]), flush=True)
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
