"""`chainrule export`: a run's network for use elsewhere. · 导出。"""

import click

from .complete import run_names
from .judge import open_checked
from .show import say


@click.command()
@click.argument("run", shell_complete=run_names)
@click.option("--to", type=click.Choice(["onnx", "torch", "safetensors"]), default="onnx", show_default=True)
@click.option("--fold-bn", is_flag=True, help="Fold each batch norm into the layer before it.")
@click.option("--out", type=click.Path(), help="Folder of the files.  [default: RUN/export]")
def export(run: str, to: str, fold_bn: bool, out: str | None) -> None:
    """Write RUN's network with its preprocessing and class names, and a script that uses it. · 导出网络与使用脚本。

    \b
    onnx         checked against onnxruntime, any batch size
    torch        a torch.export program, checked too
    safetensors  the weights, with JSON beside them
    """
    made = open_checked(run, can="export").export(to, fold_bn=fold_bn, out=out)
    for line in made.lines:
        say(line)
    for file in made.files:
        say(f"file  {file}", style="bold")
