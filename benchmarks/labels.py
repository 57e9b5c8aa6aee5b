"""What images without a label teach: accuracy over the number of labels a class, three ways, several seeds.

python benchmarks/labels.py digits
python benchmarks/labels.py mnist --seeds 2        # about twelve minutes of one core
python benchmarks/labels.py cifar10 --seeds 1      # two ways, 500 updates where the paper has a million: as long

The same labels, the same number of updates and the same moving average for all ways; no validation part, so the weights
are those of the end. Writes results/labels.json after each run and runs nothing again that stands there;
`docs/make.py --pictures labels` draws it.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from chainrule import train
from chainrule.learn.kind import of
from chainrule.settings import parse

RESULTS = Path(__file__).parent / "results" / "labels.json"
COMMON = {"lr": 2e-3, "schedule": "cosine", "ema": 0.98, "val": 0.0, "device": "cpu", "threads": 1}
WAYS: dict[str, dict[str, Any]] = {
    "supervised": {},
    "pseudo": {"unlabelled": "pseudo"},
    "fixmatch": {"unlabelled": "fixmatch"},
}
_PHOTOGRAPH = "crop(4)+flip"


@dataclass(frozen=True)
class Try:
    """What a data set is tried with. · 一个数据集的实验设置。

    updates  of each run, about   labels  a class   rise  epochs over which the weight of pseudo-labels rises
    settings  of all ways   fixmatch  those of FixMatch alone
    """

    model: str
    updates: int
    labels: tuple[int, ...]
    ways: tuple[str, ...] = tuple(WAYS)
    rise: float = 1.0
    settings: dict[str, Any] = field(default_factory=lambda: {"augment": "affine"})
    fixmatch: dict[str, Any] = field(default_factory=dict)


TRIES = {
    "digits": Try("lenet5", 240, (1, 2, 4, 8, 25), rise=10.0),
    # One or two labels of MNIST make batches so small that one look at its 60,000 images takes more than all these.
    "mnist": Try("lenet5", 400, (4, 10, 25), rise=0.5),
    # Three unlabelled photographs for each labelled one, not seven, for a processor
    "cifar10": Try(
        "airbench_narrow",
        500,
        (40, 100),
        ways=("supervised", "fixmatch"),
        settings={"augment": _PHOTOGRAPH, "batch_size": 32, "channels_last": True},
        fixmatch={
            "strong": f"{_PHOTOGRAPH}+affine(degrees=20,zoom=0.2,pixels=4)+jitter+cutout(16)",
            "unlabelled_ratio": 3,
        },
    ),
}


def measure(data: str, labels: int, way: str, seed: int) -> dict[str, float]:
    """One run of about `UPDATES` updates, judged on the test part with its last weights. · 一次训练及其测试结果。"""
    tried = TRIES[data]
    given = dict(COMMON, **tried.settings, **WAYS[way], labels=labels, seed=seed)
    if way == "pseudo":
        given["unlabelled_rise"] = tried.rise
    if way == "fixmatch":
        given |= tried.fixmatch
    began = time.process_time()
    with TemporaryDirectory() as folder:
        settings = parse([f"{key}={value}" for key, value in given.items()])
        kind = of(tried.model)
        updates = kind.feed(kind.dataset(tried.model, data, settings), settings).updates
        run = train(tried.model, data, **given, epochs=max(1, round(tried.updates / updates)), runs=folder)
        accuracy = run.use("last").evaluate()["accuracy"]
        return {"accuracy": accuracy, "seconds": round(time.process_time() - began, 1)}


def measured(data: str, seeds: int) -> None:
    """All runs that are not written down yet, each written down as it ends. · 逐个训练尚缺的并记录。"""
    kept = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    tried = TRIES[data]
    table = kept.get(data) or {"model": tried.model, "updates": tried.updates, "torch": torch.__version__, "runs": []}
    there = {(run["labels"], run["way"], run["seed"]) for run in table["runs"]}
    for labels, seed, way in product(tried.labels, range(seeds), tried.ways):
        if (labels, way, seed) in there:
            continue
        row = {"labels": labels, "way": way, "seed": seed, **measure(data, labels, way, seed)}
        print(row, flush=True)
        table["runs"] = sorted([*table["runs"], row], key=_place)
        RESULTS.write_text(json.dumps(kept | {data: table}, indent=1) + "\n")


def _place(run: dict[str, Any]) -> tuple[int, int, int]:
    return run["labels"], list(WAYS).index(run["way"]), run["seed"]


def main(words: list[str]) -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("data", choices=list(TRIES))
    asked.add_argument("--seeds", type=int, default=3)
    given = asked.parse_args(words)
    measured(given.data, given.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
