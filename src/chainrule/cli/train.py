"""`chainrule train` and `chainrule resume`. · 训练与续训。"""

from shlex import quote
from typing import Any

import click

from ..runfile import from_file
from ..settings import parse
from .complete import resume_words, run_names, train_words
from .progress import Progress
from .show import number, program, say, table
from .words import Plan, ResumeCommand, WordsCommand, changes, plan

FREE = {"ignore_unknown_options": True, "max_content_width": 120}
LEARNED = 0.99  # of the batches to be learned by heart


@click.command(cls=WordsCommand, context_settings=FREE)
@click.argument(
    "words", nargs=-1, type=click.UNPROCESSED, metavar="MODEL DATA [KEY=VALUE]...", shell_complete=train_words
)
def train(words: tuple[str, ...]) -> int:
    """Train MODEL on DATA and judge it. · 训练并评估。

    \b
    MODEL  a name from `chainrule models`, or package.module:Class of your own
    DATA   a name from `chainrule data`, or a folder of images or IDX files
    A run.toml or a recipe in place of both repeats it; settings given beside it win.
    """
    return execute(plan(list(words)))


def execute(what: Plan) -> int:
    """Train once, or once for each seed or fold. · 执行训练计划。"""
    if what.settings.seeds > 1:
        return _seeds(what)
    if what.settings.folds and not what.settings.fold:
        return _folds(what)
    run = train_once(what)
    if what.settings.overfit:
        return _overfit(run, what)
    _close(run)
    return 0


def train_once(what: Plan) -> Any:
    """One run with its progress shown. · 训练一次并显示进度。"""
    from ..learn.run import train as learn

    with Progress(what.settings.epochs) as progress:
        return learn(what.model, what.data, what.settings, on_event=progress)


def _close(run: Any) -> None:
    show_figures(run)
    say(f"run      {run.path}", style="bold")
    say(f"report   {run.path}/report/report.md")
    verb, takes = run.use_it
    say(f"{verb:<8} {program()} {verb} {quote(str(run.path))} {takes}".rstrip())


def show_figures(run: Any) -> None:
    """The figures of a finished run, one row each; behind its parts the baselines. · 最终指标与基线。"""
    parts = list(dict.fromkeys(key.partition("_")[0] for key in run.metrics))
    names = list(dict.fromkeys(key.partition("_")[2] for key in run.metrics))
    beside = run.finished.get("baselines", {})
    columns = [*((part, run.metrics, part) for part in parts), *((b, told, "test") for b, told in beside.items())]
    cells = [[name, *[_figure(told.get(f"{part}_{name}"), name) for _, told, part in columns]] for name in names]
    say()
    if cells:
        table(["figure", *[f">{head}" for head, _, _ in columns]], cells)
    else:
        say("not judged: nothing is set aside for validation or testing")
    for line in run.finished.get("remarks", ()):
        say(line)
    say(f"weights  {run.weights}")
    if told := getattr(run, "verdict", None):
        say(f"verdict  {told[0]}")


def _figure(value: float | None, name: str) -> str:
    return "" if value is None else number(value, name)


def _overfit(run: Any, what: Plan) -> int:
    """Say plainly whether the network could learn its few batches by heart."""
    loss, accuracy = run.metrics["train_loss"], run.metrics.get("train_accuracy")
    batches = "one batch" if what.settings.overfit == 1 else f"{what.settings.overfit} batches"
    shown = f"loss {loss:.4g}" + ("" if accuracy is None else f", accuracy {number(accuracy, 'accuracy')}")
    if (accuracy if accuracy is not None else 1.0 - loss) >= LEARNED:
        say(f"{what.model} learned {batches} by heart ({shown}): the network, its deltas and the loss work", "green")
        return 0
    say(
        f"{what.model} did not learn {batches} by heart in {what.settings.epochs} epochs ({shown}): "
        "try more epochs or another lr; if that does not help, something is wrong with the network or the labels",
        "red",
    )
    return 1


def _seeds(what: Plan) -> int:
    """Train with several seeds and print the mean and the deviation of each figure. · 多个随机种子。"""
    from ..learn.run import spread, train_seeds

    s = what.settings
    with Progress(s.epochs) as progress:
        runs = train_seeds(what.model, what.data, s, on_event=progress)
    _together(runs, spread(runs), [f">seed {s.seed + i}" for i in range(s.seeds)])
    if hasattr(type(runs[0]), "together"):
        say(f"seeds  {type(runs[0]).together(runs)}")
    return 0


def _together(runs: list[Any], found: dict[str, tuple[float, float]], heads: list[str]) -> None:
    """Mean and deviation of each figure over runs, and where the runs are."""
    rows = []
    for key, (mean, deviation) in found.items():
        values = [number(run.metrics[key], key) for run in runs]
        rows.append([key, f"{number(mean, key)} ± {number(deviation, key)}", *values])
    say()
    table(["figure", ">mean ± deviation", *heads], rows)
    for run in runs:
        say(f"run  {run.path}")


def _folds(what: Plan) -> int:
    """Train with each fold held out once and print the mean and the deviation of each figure. · 交叉验证。"""
    from ..learn.folds import train_folds, write
    from ..learn.run import spread

    with Progress(what.settings.epochs) as progress:
        runs = train_folds(what.model, what.data, what.settings, on_event=progress)
    held_out = {key: pair for key, pair in spread(runs).items() if key.startswith("test_")}
    _together(runs, held_out, [f">fold {i}" for i in range(1, len(runs) + 1)])
    say(f"folds  {write(runs)[-1]}")
    return 0


@click.command(cls=ResumeCommand, context_settings=FREE)
@click.argument("run", shell_complete=run_names)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[KEY=VALUE]...", shell_complete=resume_words)
def resume(run: str, words: tuple[str, ...]) -> None:
    """Continue RUN where it stopped, bit for bit. · 从断点续训，逐位一致。

    RUN is a run's folder or its name in runs/. A finished run is extended with a larger epochs=N.
    """
    from ..runs.folder import RunFolder

    wanted, data = changes(list(words))
    folder = RunFolder.open(run)  # refused before torch is imported
    epochs = parse(wanted, from_file(folder.run_toml)[2]).epochs
    from ..learn.run import resume as go_on

    with Progress(epochs) as progress:
        done = go_on(folder.path, wanted, on_event=progress, data=data)
    _close(done)
