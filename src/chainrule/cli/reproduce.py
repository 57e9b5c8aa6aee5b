"""`chainrule reproduce` and `chainrule demo`: results one can make again. · 复现与演示。"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..catalog import check_pair
from .complete import recipes as recipe_names
from .recipes import Recipe, load, names
from .show import number, program, say, table
from .train import show_figures, train_once
from .words import Plan, WordsCommand, plan

LOWER = ("loss", "error", "mse", "mae")


def reached(key: str, value: float, wanted: float) -> bool:
    """Whether a figure is as good as expected; errors and losses are better when smaller. · 是否达到预期。

    >>> reached("accuracy", 0.99, 0.98), reached("error", 0.02, 0.0095)
    (True, False)
    """
    return value <= wanted if key.endswith(LOWER) else value >= wanted


@click.command(cls=WordsCommand, context_settings={"ignore_unknown_options": True, "max_content_width": 120})
@click.argument("name", required=False, shell_complete=recipe_names)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[KEY=VALUE]...")
def reproduce(name: str | None, words: tuple[str, ...]) -> int:
    """Train the published result NAME from its recipe and compare; alone, list the recipes. · 按配方复现。"""
    if name is None:
        rows = [[r.name, r.model, r.data, _wanted(r), r.title] for r in map(load, names())]
        table(["recipe", "model", "data", ">expected", "what"], rows)
        return 0
    recipe = load(name)
    what = plan([str(recipe.path), *words])
    say(f"{recipe.title}  ({recipe.source})" if recipe.source else recipe.title)
    run = train_once(what)
    return compare(recipe, run)


def _wanted(recipe: Recipe) -> str:
    return ", ".join(f"{key} {number(value, key)}" for key, value in recipe.expect.items())


def compare(recipe: Recipe, run: Any) -> int:
    """Print expected beside measured; 1 if anything fell short. · 预期与实测对照。"""
    figures = dict(run.metrics)
    figures |= {k.replace("accuracy", "error"): 1.0 - v for k, v in run.metrics.items() if k.endswith("accuracy")}
    rows, fine = [], True
    for key, wanted in recipe.expect.items():
        good = key in figures and reached(key, figures[key], wanted)
        fine = fine and good
        rows.append([key, number(wanted, key), number(figures.get(key, "none"), key), "reached" if good else "missed"])
    table(["figure", ">expected", ">measured", ""], rows)
    say(f"run  {run.path}", style="bold")
    return 0 if fine else 1


@click.command()
def demo() -> int:
    """Train LeNet on the bundled digits in the formula gear, judge it, use it. · 演示：每个梯度都来自可读的公式。"""
    recipe = load("demo")
    check_pair(recipe.model, recipe.settings.model, recipe.data)
    say("LeNet-5 on 1,797 handwritten digits, gear formula: every gradient comes from deltas you can read.", "bold")
    say("在手写数字上训练 LeNet-5，公式档：每个梯度都来自你能读到的 δ 公式。")
    begin = time.perf_counter()
    run = train_once(Plan(recipe.model, recipe.data, replace(recipe.settings, name=None)))
    say(f"trained, judged and reported in {time.perf_counter() - begin:.0f} s")
    show_figures(run)
    say()
    code = compare(recipe, run)
    say(f"report  {run.path}/report/report.md")
    image = save_sample(run)
    answer = run.predict([str(image)], topk=3)[0]
    say()
    likely = ", ".join(f"{label} {number(p, 'top')}" for label, p in answer.top)
    say(f"the picture {image} is a {answer.label}  ({likely})", style="bold")
    say()
    say("What next · 接下来：")
    for line in (
        "formula conv2d                    # the formula of a layer and its deltas",
        "check linear                      # the proof, run here",
        f"predict {run.path} {image}",
        "train mlp digits epochs=5         # another network",
        "train lenet5 FOLDER_OF_IMAGES     # your own data",
    ):
        say(f"  {program()} {line}")
    return code


def save_sample(run: Any) -> Path:
    """A picture of the test part as a file, in the run's report. · 保存一张测试图片。"""
    from PIL import Image

    from ..data import load as load_data

    path = Path(run.path) / "report" / "sample.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    test: Any = load_data(load("demo").data).test
    Image.fromarray(test.raw(0)[0].numpy()).save(path)
    return path
