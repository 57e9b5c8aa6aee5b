"""What images without a label teach: accuracy over the number of labels a class, three ways, several seeds.

python benchmarks/labels.py digits
python benchmarks/labels.py mnist --seeds 2        # about six minutes of one core

The same labels, the same number of updates and the same moving average for all three ways; no validation part, so the
weights are those of the end. Writes results/labels.json after each run; `docs/make.py --pictures labels` draws it.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from chainrule import train
from chainrule.learn.kind import of
from chainrule.settings import parse

RESULTS = Path(__file__).parent / "results" / "labels.json"
MODEL, UPDATES = "lenet5", {"digits": 240, "mnist": 400}
COMMON = {"lr": 2e-3, "schedule": "cosine", "ema": 0.98, "val": 0.0, "augment": "affine", "device": "cpu", "threads": 1}
WAYS: dict[str, dict[str, Any]] = {
    "supervised": {},
    "pseudo": {"unlabelled": "pseudo"},
    "fixmatch": {"unlabelled": "fixmatch"},
}
RISE = {"digits": 10.0, "mnist": 0.5}  # epochs over which the weight of pseudo-labels rises
# One or two labels of MNIST make batches so small that one look at its 60,000 images takes more updates than all these.
LABELS = {"digits": (1, 2, 4, 8, 25), "mnist": (4, 10)}


def measure(data: str, labels: int, way: str, seed: int) -> dict[str, float]:
    """One run of about `UPDATES` updates, judged on the test part with its last weights. · 一次训练及其测试结果。"""
    given = dict(COMMON, **WAYS[way], labels=labels, seed=seed)
    if way == "pseudo":
        given["unlabelled_rise"] = RISE[data]
    began = time.process_time()
    with TemporaryDirectory() as folder:
        settings = parse([f"{key}={value}" for key, value in given.items()])
        kind = of(MODEL)
        updates = kind.feed(kind.dataset(MODEL, data, settings), settings).updates
        run = train(MODEL, data, **given, epochs=max(1, round(UPDATES[data] / updates)), runs=folder)
        accuracy = run.use("last").evaluate()["accuracy"]
        return {"accuracy": accuracy, "seconds": round(time.process_time() - began, 1)}


def measured(data: str, seeds: int) -> None:
    """All runs, each written down as it ends. · 逐个训练并记录。"""
    kept = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    table = {"model": MODEL, "updates": UPDATES[data], "torch": torch.__version__, "runs": []}
    for labels in LABELS[data]:
        for way in WAYS:
            for seed in range(seeds):
                row = {"labels": labels, "way": way, "seed": seed, **measure(data, labels, way, seed)}
                table["runs"].append(row)
                print(row, flush=True)
                RESULTS.write_text(json.dumps(kept | {data: table}, indent=1) + "\n")


def main(words: list[str]) -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("data", choices=list(LABELS))
    asked.add_argument("--seeds", type=int, default=3)
    given = asked.parse_args(words)
    measured(given.data, given.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
