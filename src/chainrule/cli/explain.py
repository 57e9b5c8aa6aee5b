"""`chainrule explain`: which part of an image speaks for a class. · 图像的哪一部分支持某个类别。"""

from pathlib import Path

import click

from ..data.files import absent
from ..errors import UserError
from .answers import check_target
from .complete import run_names
from .judge import open_checked, weights_option
from .show import clean, number, say, table

METHODS = ("gradcam", "saliency", "guided", "occlusion")


@click.command()
@click.argument("run", shell_complete=run_names)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path())
@click.option("--class", "label", metavar="NAME", help="Explain this class, else the likeliest of each image · 类别.")
@click.option("--layer", metavar="NAME", help="Whose maps are used, else the last with maps · 所用的层.")
@click.option("--method", type=click.Choice(METHODS), default="gradcam", show_default=True, help="How · 方法.")
@click.option("--topk", type=click.IntRange(1), default=3, show_default=True, help="Likeliest classes shown.")
@weights_option
@click.option("--out", metavar="FILE", help="The picture; else RUN/report/explain.png · 图片文件.")
def explain(
    run: str,
    images: tuple[str, ...],
    label: str | None,
    layer: str | None,
    method: str,
    topk: int,
    weights: str,
    out: str | None,
) -> None:
    """Show which part of each IMAGE speaks for a class, as heat over it. · 用热力图解释预测。

    \b
    gradcam    maps of the last convolutions, weighed by how much each speaks for the class (Selvaraju et al. 2017)
    saliency   how much the score changes with each pixel (Simonyan et al. 2014)
    guided     the same, without what speaks against the class (Springenberg et al. 2015)
    occlusion  how much the probability falls when a square is made grey (Zeiler & Fergus 2014)
    """
    if layer is not None and method != "gradcam":
        raise UserError(f"--layer {clean(layer)}: only --method gradcam looks at a layer, and the method is {method}")
    check_target("--out", out)
    if missing := absent(images):
        raise UserError(*map(clean, missing))
    opened = open_checked(run, weights, "explain")
    broken: list[str] = []
    found = opened.explain(images, label, layer, method, topk=topk, broken=broken)
    if found:
        from ..look.overlay import draw

        target = Path(out) if out else opened.folder.report / "explain.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        draw(found, target, f"{opened.model} · {opened.facts.name}")
        rows = [[one.path, one.label, number(one.probability, "top"), one.layer or "–"] for one in found]
        table(["file", "class", ">probability", "layer"], rows)
        say(f"picture  {target}")
    if broken:
        raise UserError(*broken)
