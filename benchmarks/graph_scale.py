"""What training on the whole graph costs from 1 to 20 million edges: processor time for each edge, and memory.

    python benchmarks/graph_scale.py [--nodes 100000 200000 …] [--steps 3] [--dry]

Graphs of a power law, ten edges a node, whose nodes are numbered at random; each size is a process of its own, so that
its largest memory is its own. An epoch is the step of a run: two layers, dropout, backward, Adam. The time is that of
the processor with one thread: what else runs on the machine counts for less.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
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


def measured(nodes: int, steps: int) -> dict[str, float]:
    """Seconds of an epoch and of making the graph, GiB at most; in this process."""
    began = process_time()
    part = power_law(nodes, 10 * nodes)
    step = stepping(part, CLASSES, HIDDEN)
    batch = [((part.x, part.A), (part.nodes, part.y))]
    step(batch)  # the matrix that is multiplied with is made once
    ready, times = process_time() - began, []
    for _ in range(steps):
        start = process_time()
        outcome = step(batch)
        times.append(process_time() - start)
    assert outcome.finite
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    kept = len(part.A.col)
    return {"nodes": nodes, "edges": kept, "epoch": median(times), "ready": ready, "gib": peak}


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """Cost of an edge and memory over the number of edges."""
    from matplotlib.figure import Figure

    millions = [row["edges"] / 1e6 for row in rows]
    cost = [1e9 * row["epoch"] / row["edges"] for row in rows]
    with of(["DejaVu Sans"]):
        figure = Figure((9.2, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot(millions, cost, "o-", color=BLUE)
        left.axhline(GOAL * cost[0], color="#999999", linestyle="--", linewidth=1)
        left.annotate(
            f"goal: at most {GOAL:g} × the first",
            (millions[-1], GOAL * cost[0]),
            (0, -12),
            textcoords="offset points",
            ha="right",
            fontsize=9,
            color="#666666",
        )
        left.set_ylim(0, 1.15 * GOAL * cost[0])
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
            axes.set_xticks(millions, [f"{m:.3g}" for m in millions])
            axes.minorticks_off()
            axes.set_xlabel("million edges")
            axes.grid(color=FAINT, linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
        save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", nargs="+", type=int, default=list(NODES))
    parser.add_argument("--steps", type=int, default=3, help="epochs of which the median is taken (3)")
    parser.add_argument("--dry", action="store_true", help="print only")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.one:
        print(json.dumps(measured(asked.nodes[0], asked.steps)))
        return
    rows, loads = [], []
    for nodes in asked.nodes:
        words = [sys.executable, __file__, "--one", "--nodes", str(nodes), "--steps", str(asked.steps)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout))
        loads.append(os.getloadavg()[0])
        row = rows[-1]
        print(
            f"{nodes:>9,} nodes {row['edges']:>11,} edges: epoch {row['epoch']:.2f} s, "
            f"{1e9 * row['epoch'] / row['edges']:.0f} ns an edge, {row['gib']:.2f} GiB, load {loads[-1]:.1f}"
        )
    costs = [row["epoch"] / row["edges"] for row in rows]
    print(f"the dearest edge costs {max(costs) / costs[0]:.2f} × those of the smallest graph (goal: {GOAL:g})")
    if not asked.dry:
        told = {"machine": harness.machine() | {"clock": "processor", "load": round(max(loads), 1)}, "rows": rows}
        (harness.RESULTS / "graph_scale.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        draw(rows, harness.RESULTS / "graph_scale.png")


if __name__ == "__main__":
    main()
