"""Three translators at equal budget: their table, BLEU by length, and where one of them looked. · 三种翻译模型的对比。

The table is kept as translation.json beside the pictures: the page reads it. BLEU by length is of the recorded recipes.
"""

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chainrule import nn, train
from chainrule.cli.recorded import load as recorded
from chainrule.data.sources import path_of
from chainrule.learn.translation.bleu import Bucket
from chainrule.look import alignment, lengths, looks, transformer_block
from chainrule.runs.durable import replace

BUDGET: dict[str, Any] = {"epochs": 1, "batch_size": 32, "lr": 3e-3, "clip": 1.0, "schedule": "cosine", "threads": 1}
READING = {"lower": True, "min_freq": 8}
NETWORKS: dict[str, dict[str, Any]] = {
    "seq2seq": {"model": {"width": 96}},
    "seq2seq_attention": {"model": {"width": 96}},
    "transformer_seq2seq": {"model": {"width": 96, "num_layers": 2, "norm_first": True}, "warmup": 0.2},
}
RESULTS = Path(__file__).resolve().parents[2] / "recipes" / "results.json"
CURVES = {  # pictures of BLEU by length: title; name of a curve → recipe
    "translation-lengths": (
        "Multi30k de→en, test 2016: three epochs, width 128",
        {
            "seq2seq": "multi30k-gru-small",
            "seq2seq_attention": "multi30k-attention-small",
            "transformer_seq2seq": "multi30k-transformer-small",
        },
    ),
    "translation-lengths-whole": (
        "Multi30k de→en, test 2016: the whole recipes, ten epochs",
        {
            "LSTM": "multi30k-lstm",
            "GRU": "multi30k-gru",
            "GRU with attention": "multi30k-attention",
            "Transformer": "multi30k-transformer",
        },
    ),
}
SENTENCE = "zwei kleine kinder in roten hemden spielen im park mit einem hund ."


def draw(folder: Path) -> None:
    layers = {
        "encoder layer": nn.TransformerEncoderLayer(512, 8, 2048, batch_first=True),
        "decoder layer": nn.TransformerDecoderLayer(512, 8, 2048, batch_first=True),
    }
    transformer_block.draw(layers, folder / "translation-block.png")
    if path_of("multi30k") is None:
        raise SystemExit("translation needs multi30k below $CHAINRULE_DATA")
    with TemporaryDirectory() as place:
        runs = {
            name: train(name, "multi30k", **BUDGET, data=READING, runs=place, name=name, **more)
            for name, more in NETWORKS.items()
        }
        pictures(runs, folder)


def pictures(runs: dict[str, Any], folder: Path) -> None:
    """The table and the pictures of runs that were trained. · 由训练好的运行作表与图。"""
    buckets = {name: read(run) for name, run in runs.items()}
    told = {
        "budget": BUDGET | READING,
        "rows": [
            {
                "network": name,
                "parameters": sum(p.numel() for p in run.network.parameters()),
                "metrics": run.metrics,
                "buckets": [asdict(bucket) for bucket in buckets[name]],
            }
            for name, run in runs.items()
        ],
        "baselines": runs["seq2seq"].finished["baselines"],
        "remarks": [line.partition("; by the ")[0] for line in runs["seq2seq"].finished["remarks"]],
    }
    replace(folder / "translation.json", (json.dumps(told, indent=1) + "\n").encode())
    by_length(folder)
    one = runs["seq2seq_attention"].translate(SENTENCE, align=True)[0]
    best = one.said[0]
    alignment.draw(one.tokens, best.tokens, best.alignment, folder / "translation-attention.png")
    looks.draw(one.tokens, best.tokens, best.alignment, 5, folder / "translation-looks.png")


def by_length(folder: Path) -> None:
    """BLEU of the recorded recipes by the length of the sentence. · 已记录配方按句长的 BLEU。"""
    kept = {one["recipe"]: one["lengths"] for one in recorded(RESULTS) if "lengths" in one}
    for picture, (title, curves) in CURVES.items():
        found = {name: [Bucket(**bucket) for bucket in kept[recipe]] for name, recipe in curves.items()}
        lengths.draw(found, folder / f"{picture}.png", title)


def read(run: Any) -> list[Bucket]:
    told = json.loads((run.folder.report / "lengths.json").read_text())
    return [Bucket(**one) for one in told]
