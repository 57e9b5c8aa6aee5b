"""What the page of the recipes takes from recipes/: what was published, what was measured. · 配方页的表格。"""

from collections.abc import Callable

from chainrule.cli.recipes import load, names
from chainrule.cli.recorded import load as recorded
from chainrule.cli.show import number

from .markdown import plain, table
from .pages import ROOT

RESULTS = ROOT / "recipes" / "results.json"


def recipes(page: str, *_: str) -> str:
    """Every recipe, what it must reach, and what others reported. · 全部配方、应达到的结果与他人的报告。"""
    rows = []
    for recipe in map(load, names()):
        wanted = [f"{plain(key)} {number(value, key)}" for key, value in recipe.expect.items()]
        others = [f"{plain(p.figure)} {number(p.value, p.figure)}, {plain(p.source)}" for p in recipe.published]
        link = f"[`{recipe.name}`](../recipes/{recipe.path.name})"
        rows.append([link, plain(recipe.title), "<br>".join(wanted), "<br>".join(others) or "–"])
    return table(["recipe · 配方", "what · 说明", "expected · 期望", "published · 已发表"], rows)


def results(page: str, *_: str) -> str:
    """What was measured, shortened trainings too: each says how many epochs it had. · 实测结果，含缩短的训练。"""
    rows = []
    for one in recorded(RESULTS):
        recipe, figures = load(one["recipe"]), one["figures"]
        epochs = f"{one['epochs']} / {recipe.settings.epochs}"
        times = [f"{one['wall'] / 60:.1f}", f"{one['processor'] / 60:.1f}"]
        keys = [key for key in recipe.expect if key in figures] or ["test_accuracy"]
        told = "<br>".join(f"{plain(key)} {number(figures[key], key)}" for key in keys)
        rows.append([f"`{recipe.name}`", epochs, one["seed"], told, *times])
    head = ["recipe · 配方", "epochs · 轮数", "seed · 种子", "figure · 指标"]
    return table([*head, "minutes · 分钟", "processor minutes · 处理器分钟"], rows)


PARTS: dict[str, Callable[..., str]] = {"recipes": recipes, "results": results}
