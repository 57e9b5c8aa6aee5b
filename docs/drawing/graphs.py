"""The pictures of graphs.md: the karate club, learned from its two leaders. · graphs.md 的图片。"""

from pathlib import Path

from PIL import Image

from chainrule.data.graphs import read
from chainrule.learn.graphs import Arena, Recipe, train
from chainrule.look.graph import answers, draw_answers, draw_stages, draw_weights, stages


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
