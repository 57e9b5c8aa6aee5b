"""`chainrule models …`: the list of models, and weights from and for elsewhere. · 模型目录与权重的导入导出。"""

from pathlib import Path
from typing import Any

import click

from ..catalog import MODELS, check_data, check_model
from ..errors import UserError
from ..settings import parse
from ..zoo.published import WEIGHTS, get
from .complete import data_names, model_names, run_names
from .models import models as show
from .show import say, table


class Models(click.Group):
    """A group that shows or lists models where no command is named. · 无子命令时列出或查看模型。"""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = [SHOW, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in super().list_commands(ctx) if name != SHOW]

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*show.collect_usage_pieces(ctx), "| COMMAND [ARGS]..."]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        show.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list:
        return super().shell_complete(ctx, incomplete) + model_names(ctx, show.params[0], incomplete)


SHOW = "show-model"


@click.group(cls=Models, help=show.help)
def models() -> None:
    """The listing's own help stands here; see `models.models`."""


models.add_command(show, SHOW)


@models.command("import-weights", context_settings={"ignore_unknown_options": True})
@click.argument("file", type=click.Path())
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[KEY=VALUE]...")
@click.option("--model", required=True, shell_complete=model_names, help="Of which model the weights are.")
@click.option("--data", shell_complete=data_names, help="Data that gives classes and input size.")
@click.option("--classes", type=click.Path(), help="A text file with a class a line, where there is no data.")
@click.option("--normalise", default="auto", show_default=True, help="imagenet, half, data or auto.")
@click.option("--name", help="Of the run.")
def import_(
    file: str,
    words: tuple[str, ...],
    model: str,
    data: str | None,
    classes: str | None,
    normalise: str,
    name: str | None,
) -> None:
    """Make a run of the weights in FILE, to evaluate, predict with, explain or export. · 由权重文件建立运行。

    FILE is safetensors or a .pth, .pt or .th of torch.save; KEY=VALUE are settings, as size=224,224 or model.KEY=VALUE.
    """
    settings = parse([*words, *([f"name={name}"] if name else [])])
    check_model(model, settings.model)
    if data is not None:
        check_data(data)
    if not Path(file).expanduser().exists():
        raise UserError(f"{file}: no such file; expected safetensors, or a .pth, .pt or .th that torch.save wrote")
    labels = read_classes(classes) if classes else None
    from ..learn.imported import import_weights

    run = import_weights(file, model, data, labels, normalise, settings=settings)
    for line in run.begun["lines"]:
        say(line)
    say(f"run     {run.path}", style="bold")


def read_classes(path: str) -> list[str]:
    """The names in a text file, one a line. · 每行一个类别名。"""
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: expected a text file with a class a line ({error})") from error
    names = [line.strip() for line in lines if line.strip()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if not names or twice is not None:
        fault = f"{twice!r} stands there twice" if names else "it is empty"
        raise UserError(f"{path}: expected a text file with a class a line, and {fault}")
    return names


@models.command("export-weights")
@click.argument("source", metavar="RUN|MODEL", shell_complete=run_names)
@click.argument("file", type=click.Path())
@click.option(
    "--to", type=click.Choice(["torchvision", "timm", "safetensors"]), default="safetensors", show_default=True
)
@click.option("--from", "weights", type=click.Path(), help="File whose weights MODEL takes first.")
def export(source: str, file: str, to: str, weights: str | None) -> None:
    """Write the weights of RUN, or of MODEL, into FILE under the names of others. · 导出权重。

    FILE ends in .safetensors, or in .pth, .pt, .th for programs that read nothing else. MODEL with --from converts a
    file; without it, the weights are the first ones of seed 0.
    """
    for line in _network(source, weights, lambda made, name: _written(made, file, to, name)):
        say(line)
    say(f"file  {file}", style="bold")


def _network(source: str, weights: str | None, use: Any) -> list[str]:
    if source in MODELS or ":" in source:
        from ..catalog import build_model
        from ..learn.session import seeded
        from ..learn.start import source as found
        from ..zoo.weights import load_weights

        foreign = found(weights) if weights else None
        with seeded(0):
            made = build_model(source)
        report = load_weights(made, foreign, source, adapt=False) if foreign else None
        return [*(report.lines if report else []), *use(made, source)]
    if weights:
        raise UserError(
            f"--from {weights}: goes with a MODEL, and {source!r} is none; expected one of {', '.join(MODELS)}"
        )
    from ..runs.folder import RunFolder

    folder = RunFolder.open(source)
    from ..learn.run import open_run

    run = open_run(folder.path)
    return use(run.network, run.model)


def _written(made: Any, file: str, to: str, name: str) -> list[str]:
    from ..zoo.writing import write_weights

    return write_weights(made, file, to, name)


@models.command()
@click.argument("name", required=False, shell_complete=model_names)
def fetch(name: str | None) -> None:
    """Fetch the published weights of NAME and compare their sha256; without NAME, list them. · 下载已发布权重。"""
    if name is None:
        rows = [
            [w.model, w.data, f"{w.accuracy:.2f} %", f"{w.megabytes:g} MB", w.begins, w.url] for w in WEIGHTS.values()
        ]
        table(["model", "data", ">accuracy", ">size", "sha256", "address"], rows)
        return
    wanted = get(name)
    from ..zoo.published import fetch as get_it

    say(f"{wanted.file}: sha256 right; use it with weights={get_it(name)}")
