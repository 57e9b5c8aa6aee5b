"""`chainrule reproduce` and `chainrule demo`: results one can make again. · 复现与演示。"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..catalog import VIEWS, check_pair
from ..errors import UserError
from . import reproduce_graph
from .complete import recipes as recipe_names
from .recipes import Recipe, load, names, shortened
from .recorded import Spent, write
from .show import number, program, say, table
from .train import show_figures, train_once
from .words import Plan, WordsCommand, plan

LOWER = ("loss", "error", "mse", "mae", "mase")


def reached(key: str, value: float, wanted: float) -> bool:
    """Whether a figure is as good as expected; errors and losses are better when smaller. · 是否达到预期。

    >>> reached("accuracy", 0.99, 0.98), reached("error", 0.02, 0.0095)
    (True, False)
    """
    return value <= wanted if key.endswith(LOWER) else value >= wanted


@click.command(cls=WordsCommand, context_settings={"ignore_unknown_options": True, "max_content_width": 120})
@click.argument("name", required=False, shell_complete=recipe_names)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[KEY=VALUE]...")
@click.option("--short", type=float, help="Only such a part of the epochs, to see that it learns; not judged · 缩短.")
@click.option("--cost", is_flag=True, help="Count the operations of the whole training instead · 只计算运算量.")
@click.option("--record", type=click.Path(path_type=Path), help="Add what was measured to this JSON file · 记录结果.")
def reproduce(name: str | None, words: tuple[str, ...], short: float | None, cost: bool, record: Path | None) -> int:
    """Train the published result NAME from its recipe and compare; alone, list the recipes. · 按配方复现。

    A table of means (gcn-cora) takes seeds=20, first=0, rows=gcn,mlp or rows=all, and keeps what it has trained.
    """
    if name is None:
        rows = [[r.name, r.model, r.data, _wanted(r), r.title] for r in map(load, names())]
        for told in map(reproduce_graph.load, reproduce_graph.names()):
            (model, best), *_ = told.expect.items()
            rows.append([told.name, model, told.data, f"test_accuracy {number(best, 'accuracy')}", told.title])
        table(["recipe", "model", "data", ">expected", "what"], rows)
        return 0
    if name in reproduce_graph.names():
        if short is not None or cost or record is not None:
            raise UserError(f"{name}: takes no --short, --cost or --record; expected seeds=, epochs= and the like")
        return reproduce_graph.run(name, words)
    recipe = load(name)
    what = plan([str(recipe.path), *words])
    if short is not None:
        what = replace(what, settings=shortened(what.settings, short))
    say(f"{recipe.title}  ({recipe.source})" if recipe.source else recipe.title)
    if cost:
        return show_cost(what)
    runs = []
    for settings in what.settings.seeded():
        begun = time.perf_counter(), time.process_time()
        runs.append(train_once(replace(what, settings=settings)))
        spent = Spent(time.perf_counter() - begun[0], time.process_time() - begun[1])
        say(f"took {spent.wall:.0f} s, {spent.processor:.0f} s of them the processor's")
        if record is not None:
            write(record, recipe.name, runs[-1], figures_of(recipe, runs[-1]), spent)
            say(f"recorded in {record}")
    if len(runs) > 1 and hasattr(type(runs[0]), "together"):
        say(f"seeds  {type(runs[0]).together(runs)}")
    return compare(recipe, runs, what.settings.epochs >= recipe.settings.epochs)


def _wanted(recipe: Recipe) -> str:
    return ", ".join(f"{key} {number(value, key)}" for key, value in recipe.expect.items())


def figures_of(recipe: Recipe, run: Any) -> dict[str, float]:
    """The figures of a run, with errors, and by several views where the recipe asks for them. · 全部指标。"""
    figures = dict(run.metrics)
    for view in {key.rpartition("_")[2] for key in recipe.expect} & (VIEWS.keys() - {"none"}):
        seen = run.judge(split="test", tta=view).figures
        figures |= {f"test_{k}_{view}": v for k, v in seen.items()}
    return figures | {k.replace("accuracy", "error"): 1.0 - v for k, v in figures.items() if "accuracy" in k}


def compare(recipe: Recipe, runs: list[Any], whole: bool = True) -> int:
    """Print expected and published beside measured; 1 if whole trainings fell short. · 预期、已发表与实测对照。"""
    found = [figures_of(recipe, run) for run in runs]
    rows, fine, several = [], True, len(runs) > 1
    for key, wanted in recipe.expect.items():
        count = sum(key in figures and reached(key, figures[key], wanted) for figures in found)
        good = count >= recipe.needed(len(runs))
        fine = fine and good
        told = (("reached" if good else "missed") if whole else "shortened") + f" ({count} of {len(runs)})" * several
        rows.append([key, number(wanted, key), *[number(figures.get(key, "none"), key) for figures in found], told])
    heads = [f">seed {run.settings.seed}" for run in runs] if several else [">measured"]
    table(["figure", ">expected", *heads, ""], rows)
    if recipe.published:
        rows = [[p.figure, number(p.value, p.figure), p.source] for p in recipe.published]
        table(["figure", ">published", "by"], rows)
    if not whole:
        epochs = f"{runs[0].settings.epochs} of {recipe.settings.epochs}"
        say(f"shortened to {epochs} epochs: what was published is of them all")
    for run in runs:
        say(f"run  {run.path}", style="bold")
    return 0 if fine or not whole else 1


def show_cost(what: Plan) -> int:
    """What a whole training computes, counted. · 整个训练的运算量。"""
    check_pair(what.model, what.settings.model, what.data, what.settings.data)
    from ..learn.expense import expense

    found = expense(what.model, what.data, what.settings)
    rows = [
        ["parameters that learn", f"{found.parameters:,}", ""],
        ["multiply-adds of one sample, forward", f"{found.macs:,}", "MAC"],
        ["operations of one sample, forward and backward", f"{found.sample:,}", "FLOP"],
        ["operations of one update by the optimizer", f"{found.update:,}", "FLOP"],
        ["samples seen", f"{found.samples:,}", ""],
        ["updates", f"{found.updates:,}", ""],
        ["the whole training", f"{found.total / 1e15:.4g}", "PFLOP"],
    ]
    table(["what", ">count", "unit"], rows)
    say("counted by torch's FlopCounterMode: products and convolutions, a multiply-add as two; no judging, no views")
    return 0


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
    code = compare(recipe, [run])
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
