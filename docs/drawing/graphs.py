"""The pictures of graphs.md: the karate club, learned from its leaders, motifs and Cora in runs. · graphs.md 的图片。

Cora is drawn where its files are.
"""

import tempfile
from pathlib import Path

from PIL import Image

import chainrule
from chainrule.data.graphs import read
from chainrule.data.graphs.reading import home
from chainrule.errors import UserError
from chainrule.learn.graphs.cora import Arena, Recipe, train
from chainrule.look.graph import answers, draw_answers, draw_stages, draw_weights, stages


def draw_cora(pictures: Path) -> None:
    """The pictures of two reports: what a GCN says of Cora, and the hidden edges that a GAE finds. · Cora 的图片。"""
    with tempfile.TemporaryDirectory() as folder:
        for model, name, to in (("gcn", "graph.png", "cora.png"), ("gae", "roc.png", "cora-edges.png")):
            report = chainrule.train(model, "cora", runs=folder, device="cpu").path / "report"
            Image.open(report / name).convert("P", palette=Image.Palette.ADAPTIVE).save(pictures / to, optimize=True)


def draw_motifs(pictures: Path) -> None:
    """The sheet in the report of a GIN: trees with motifs, and what it takes them for. · 模体数据的一览图。"""
    with tempfile.TemporaryDirectory() as folder:
        report = chainrule.train("gin", "motifs", runs=folder, device="cpu").path / "report"
        picture = Image.open(report / "graphs.png").convert("P", palette=Image.Palette.ADAPTIVE)
        picture.save(pictures / "motifs.png", optimize=True)


def draw(pictures: Path) -> None:
    """Train on the two leaders, draw, and keep as small files as the same pixels can have. · 训练并绘图。"""
    club = read("karate")
    arena = Arena.of(club)
    net, outcome = train(arena, seed=0, recipe=Recipe(hidden=8))
    right = f"{outcome.last * 32:.0f} of 32 others right"
    made = [pictures / f"karate{which}.png" for which in ("", "-weights", "-stages")]
    draw_answers(club, answers(net, arena), made[0], f"Karate club, taught by two members: {right}")
    draw_weights(club, net.shared(arena.A), made[1], "What each edge weighs after both degrees")
    draw_stages(club, stages(net, arena), made[2], "Features before and after each propagation")
    for path in made:
        Image.open(path).convert("RGB").save(path, optimize=True)
    draw_motifs(pictures)
    try:
        home("cora")
    except UserError:
        return
    draw_cora(pictures)
