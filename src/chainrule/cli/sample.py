"""`chainrule sample`: new images out of a variational autoencoder. · 由变分自编码器抽样生成图像。"""

from pathlib import Path

import click

from ..errors import UserError
from .answers import check_target
from .complete import run_names
from .judge import open_checked, weights_option
from .show import say


@click.command()
@click.argument("run", shell_complete=run_names)
@click.option("--count", type=click.IntRange(1, 4096), default=64, show_default=True, help="How many images.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the codes · 随机种子.")
@click.option("--columns", type=click.IntRange(1), help="Images in a row; else as many as rows · 每行图像数.")
@click.option("--out", type=click.Path(), default="samples.png", show_default=True, help="PNG to write.")
@weights_option
def sample(run: str, count: int, seed: int, columns: int | None, out: str, weights: str) -> None:
    """Draw new images of codes from N(0, 1), as a sheet. · 抽样生成新图像。

    RUN is a run of vae or conv_vae.
    """
    if Path(out).suffix.lower() != ".png":
        raise UserError(f"--out {out}: expected a file name that ends in .png")
    check_target("--out", out)
    images = open_checked(run, weights, "sample").sample(count, seed)
    from ..look.latent import sheet

    sheet(images, Path(out), columns or max(1, round(count**0.5)))
    say(f"{count} images in {out}", style="bold")
