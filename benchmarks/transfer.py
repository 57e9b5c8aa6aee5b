"""What weights of another task are worth: a learning curve over the number of labelled pictures a class.

python benchmarks/transfer.py flowers resnet20-12fca82f.th

A fifth of each class is held out once and for all; of the rest the first N of a fixed draw are learned from, so that
more pictures hold all the fewer ones. Three ways see the same pictures, in the same order, equally often: from first
weights that are drawn, with the backbone frozen, and opened after a quarter of the epochs at lower rates. Writes
results/transfer.json after each run; `python docs/make.py --pictures transfer` draws it.
"""

import argparse
import json
import random
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from chainrule import train

RESULTS = Path(__file__).parent / "results" / "transfer.json"
MODEL, SIZE, HELD_OUT = "resnet20", 32, 0.2
EPOCHS = {10: 40, 30: 24, 100: 8, 300: 3, 0: 3}  # pictures a class (0: all) → passes over them
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
# A head alone takes a larger rate than a whole network; opened, the backbone goes on at a tenth of it.
WAYS = {
    "scratch": {"lr": 3e-3},
    "frozen": {"lr": 3e-2, "freeze": "backbone"},
    "opened": {"lr": 3e-2, "freeze": "backbone", "backbone_lr": 0.1},
}


def pictures(source: Path, seed: int = 0) -> dict[str, list[Path]]:
    """Class → its files in a drawn order. · 各类别的图片，顺序随机而固定。"""
    draw, found = random.Random(seed), {}
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        found[folder.name] = sorted(path for path in folder.iterdir() if path.is_file())
        draw.shuffle(found[folder.name])
    return found


def lay_out(found: dict[str, list[Path]], folder: Path, number: int) -> None:
    """Copy the part that is held out and N of the others, class by class. · 划分测试与训练图片。"""
    for label, files in found.items():
        held = round(len(files) * HELD_OUT)
        for part, chosen in {"test": files[:held], "train": files[held:][: number or None]}.items():
            (folder / part / label).mkdir(parents=True)
            for file in chosen:
                shutil.copy(file, folder / part / label)


def measure(found: dict[str, list[Path]], weights: Path, number: int, way: str) -> dict[str, float]:
    """One run, judged on what is held out. · 一次训练及其测试结果。"""
    more = dict(WAYS[way], epochs=EPOCHS[number])
    if way != "scratch":
        more["weights"] = str(weights)
    if way == "opened":
        more["unfreeze"] = (max(1, EPOCHS[number] // 4),)
    with TemporaryDirectory() as folder:
        lay_out(found, Path(folder, "pictures"), number)
        began = time.process_time()
        run = train(MODEL, Path(folder, "pictures"), **COMMON, **more, runs=str(Path(folder, "runs")))
        return {"accuracy": run.metrics["test_accuracy"], "seconds": round(time.process_time() - began, 1)}


def measured(source: Path, weights: Path) -> None:
    """All runs, each written down as it ends. · 逐个训练并记录。"""
    found = pictures(source)
    held = sum(round(len(files) * HELD_OUT) for files in found.values())
    most = round(sum(map(len, found.values())) * (1 - HELD_OUT) / len(found))
    table: dict = {"model": MODEL, "size": SIZE, "classes": list(found), "held_out": held, "weights": weights.name}
    table |= {"all": most, "torch": torch.__version__, "runs": []}
    for number, epochs in EPOCHS.items():
        for way in WAYS:
            figures = measure(found, weights, number, way)
            table["runs"].append({"number": number or most, "epochs": epochs, "way": way, **figures})
            print(f"{number or most:4} a class, {way}: {figures}", flush=True)
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
