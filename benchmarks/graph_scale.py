"""What training on the whole graph costs from 1 to 20 million edges: processor time for each edge, and memory.

    python benchmarks/graph_scale.py [--nodes 100000 200000 …] [--rounds 9] [--dry]

Graphs of a power law, ten edges a node, whose nodes are numbered at random; each size is a process of its own that
stays alive, so that its largest memory is its own. In each round every process does one epoch, alone and in an order
drawn anew, and a graph is compared with the smallest of the same round: a machine that slows down spoils no ratio. An
epoch is the step of a run: two layers, dropout, backward, Adam. The time is that of the processor with one thread.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path
from statistics import quantiles
from time import process_time
from typing import Any

import harness
import torch

from chainrule.learn.device import Device
from chainrule.learn.graphs.node_data import Part
from chainrule.learn.graphs.nodes import Told
from chainrule.learn.step import Step
from chainrule.nn.graph import adjacency
from chainrule.optim import Adam
from chainrule.runs.style import BLUE, FAINT, of, save
from chainrule.zoo.gcn import GCN

FEATURES, CLASSES, HIDDEN, LR, PENALTY = 32, 16, 16, 0.01, 5e-4
NODES = (100_000, 200_000, 500_000, 1_000_000, 2_000_000)
GOAL, ROOM = 2.0, 12.0  # times the cost of an edge of the smallest graph; GiB


def power_law(nodes: int, edges: int, seed: int = 0) -> Part:
    """A graph whose degrees fall with the root of their rank, exponent 3: ends drawn by weight, both directions."""
    draw = torch.Generator().manual_seed(seed)
    number = torch.randperm(nodes, generator=draw)
    ends = [number[(torch.rand(edges // 2, generator=draw).square() * nodes).long()] for _ in range(2)]
    A = adjacency(torch.stack([torch.cat(ends), torch.cat(ends[::-1])]), None, nodes)
    x = torch.randn(nodes, FEATURES, generator=draw)
    told = torch.randperm(nodes, generator=draw)[: nodes // 10]
    return Part(x, A, told, torch.randint(CLASSES, (len(told),), generator=draw))


def stepping(part: Part, classes: int, hidden: int) -> Step:
    """The step of a run on that graph."""
    torch.manual_seed(0)
    net = GCN(part.x.shape[1], classes, hidden)
    groups: Any = [
        {"params": list(net.conv1.parameters()), "weight_decay": PENALTY},
        {"params": list(net.conv2.parameters()), "weight_decay": 0.0},
    ]
    return Step(net, Told("classification", tuple(map(str, range(classes)))), Adam(groups, lr=LR), Device("cpu"))


def serve(nodes: int) -> None:
    """One size: make the graph and say so, then an epoch for each line that comes, its seconds as the answer."""
    began = process_time()
    part = power_law(nodes, 10 * nodes)
    step = stepping(part, CLASSES, HIDDEN)
    batch = [((part.x, part.A), (part.nodes, part.y))]
    step(batch)  # the matrix that is multiplied with is made once
    print(json.dumps({"nodes": nodes, "edges": len(part.A.col), "ready": process_time() - began}), flush=True)
    for _ in sys.stdin:
        start = process_time()
        outcome = step(batch)
        seconds = process_time() - start
        assert outcome.finite
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({"epoch": seconds, "gib": peak}), flush=True)


class Size:
    """A process that serves one size."""

    def __init__(self, nodes: int):
        words = [sys.executable, __file__, "--serve", "--nodes", str(nodes)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.row: dict[str, Any] = self._answer()
        self.epochs: list[float] = []

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the process ended with status {self.process.wait()}"
        return json.loads(line)

    def epoch(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("epoch\n")
        self.process.stdin.flush()
        told = self._answer()
        self.epochs.append(told["epoch"])
        self.row["gib"] = told["gib"]

    def end(self) -> None:
        self.process.communicate()


def in_turns(asked: list[int], rounds: int) -> list[dict[str, Any]]:
    """Rows of all sizes: quartiles of the cost of an edge, and of its ratio to the smallest graph's."""
    draw, sizes = random.Random(0), [Size(nodes) for nodes in asked]
    try:
        for _ in range(rounds):
            for size in draw.sample(sizes, len(sizes)):
                size.epoch()
    finally:
        for size in sizes:
            size.end()
    first = [seconds / sizes[0].row["edges"] for seconds in sizes[0].epochs]
    for size in sizes:
        cost = [seconds / size.row["edges"] for seconds in size.epochs]
        size.row["cost"] = quantiles([1e9 * c for c in cost], n=4, method="inclusive")
        size.row["ratio"] = quantiles([c / f for c, f in zip(cost, first, strict=True)], n=4, method="inclusive")
    return [size.row for size in sizes]


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Cost of an edge, its quartiles as bars, and memory over the number of edges."""
    from matplotlib.figure import Figure

    millions = [row["edges"] / 1e6 for row in rows]
    low, cost, high = zip(*(row["cost"] for row in rows), strict=True)
    bars = [[m - a for a, m in zip(low, cost, strict=True)], [b - m for m, b in zip(cost, high, strict=True)]]
    with of(["DejaVu Sans"]):
        figure = Figure((9.2, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.errorbar(millions, cost, yerr=bars, fmt="o-", color=BLUE, capsize=3)
        left.axhline(GOAL * cost[0], color="#999999", linestyle="--", linewidth=1)
        left.annotate(
            f"goal: at most {GOAL:g} × the first",
            (millions[0], GOAL * cost[0]),
            (0, 5),
            textcoords="offset points",
            fontsize=9,
            color="#666666",
        )
        left.set_ylim(0, 1.15 * max(GOAL * cost[0], *high))
        left.set_title("processor time of an edge, an epoch")
        left.set_ylabel("nanoseconds")
        right.plot(millions, [row["gib"] for row in rows], "o-", color=BLUE)
        right.axhline(ROOM, color="#999999", linestyle="--", linewidth=1)
        right.annotate(
            f"goal: at most {ROOM:g} GiB",
            (millions[-1], ROOM),
            (0, -12),
            textcoords="offset points",
            ha="right",
            fontsize=9,
            color="#666666",
        )
        right.set_ylim(0, 1.1 * ROOM)
        right.set_title("memory at most")
        right.set_ylabel("GiB")
        for axes in (left, right):
            axes.set_xscale("log")
            axes.set_xticks(millions, [f"{m:.2g}" for m in millions])
            axes.minorticks_off()
            axes.set_xlabel("million edges")
            axes.grid(color=FAINT, linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
        save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", nargs="+", type=int, default=list(NODES))
    parser.add_argument("--rounds", type=int, default=9, help="epochs of each size, in turns (9)")
    parser.add_argument("--dry", action="store_true", help="print only")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.serve:
        serve(asked.nodes[0])
        return
    rows, load = in_turns(asked.nodes, asked.rounds), round(os.getloadavg()[0], 1)
    for row in rows:
        low, cost, high = row["cost"]
        print(
            f"{row['nodes']:>9,} nodes {row['edges']:>11,} edges: {cost:.0f} ns an edge ({low:.0f} to {high:.0f}), "
            f"{row['ratio'][1]:.2f} × the smallest, {row['gib']:.2f} GiB"
        )
    worst = max(row["ratio"][1] for row in rows)
    print(f"the dearest edge costs {worst:.2f} × those of the smallest graph (goal: {GOAL:g}); load {load}")
    if not asked.dry:
        told = {"machine": harness.machine() | {"clock": "processor", "load": load}, "rows": rows}
        (harness.RESULTS / "graph_scale.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        draw(rows, harness.RESULTS / "graph_scale.png")


if __name__ == "__main__":
    main()
