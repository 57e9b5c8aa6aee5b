"""`chainrule models`: the networks by name, and one of them layer by layer. · 模型目录。"""

from collections.abc import Mapping
from typing import Any

import click

from ..catalog import MODELS, build_model, check_model
from ..settings import split
from .complete import model_names
from .show import say, table


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name", required=False, shell_complete=model_names)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[KEY=VALUE]...")
@click.option("--size", help="Input size C,H,W for the shapes of a network of your own.")
def models(name: str | None, words: tuple[str, ...], size: str | None) -> None:
    """List the models, or show NAME layer by layer, made with KEY=VALUE. · 列出模型，或逐层查看。"""
    if name is None:
        columns = ["model", ">parameters", ">MACs", "input", "what"]
        rows = [[n, f"{e.parameters:,}", f"{e.macs:,}", _shape(e.size), f"{e.en} · {e.zh}"] for n, e in MODELS.items()]
        table(columns, rows)
        return
    options = _constructor(words)
    check_model(name, options)
    shape = read_size(size) if size else MODELS[name].input(options) if name in MODELS else None
    if name in MODELS:
        say(f"{name}: {MODELS[name].en} · {MODELS[name].zh}")
        say(f"takes {_options(MODELS[name].options)}")
    show_layers(build_model(name, options), shape)


def _constructor(words: tuple[str, ...]) -> dict[str, Any]:
    from ..errors import UserError

    bare = [word if word.lstrip("-").startswith("model.") else f"model.{word.lstrip('-')}" for word in words]
    pairs, errors = split(bare)
    if errors:
        raise UserError(*errors)
    return {key.removeprefix("model."): value for key, value in pairs.items()}


def _shape(size: tuple[int, ...] | None) -> str:
    return "×".join(map(str, size or ()))


def _options(options: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={str(value).replace(' ', '')}" for key, value in options.items())


def read_size(text: str) -> tuple[int, ...]:
    """A shape such as 1,32,32 or 1x32x32. · 读取形状。

    >>> read_size("1x32x32")
    (1, 32, 32)
    """
    from ..errors import UserError

    parts = text.replace("×", ",").replace("x", ",").split(",")
    if not all(part.strip().isascii() and part.strip().isdigit() for part in parts):
        raise UserError(f"size {text!r}: expected whole numbers, like 1,32,32")
    return tuple(int(part) for part in parts)


def show_layers(model: Any, size: tuple[int, ...] | None) -> None:
    """A row for each layer: its kind, the shape it gives, its parameters. · 逐层表格。"""
    shapes = output_shapes(model, size) if size else {}
    rows = []
    for path, layer in model.named_modules():
        own = sum(p.numel() for p in layer.parameters(recurse=False))
        if own or not any(True for _ in layer.children()):
            rows.append([path or "-", type(layer).__name__, shapes.get(path, ""), f"{own:,}" if own else ""])
    table(["layer", "kind", ">gives", ">parameters"], rows)
    total = sum(p.numel() for p in model.parameters())
    say(f"{total:,} parameters" + (f", for input {_shape(size)}" if size else ""))


def output_shapes(model: Any, size: tuple[int, ...]) -> dict[str, str]:
    """What each layer gives for one sample of zeros. · 各层输出形状。

    >>> import torch
    >>> output_shapes(torch.nn.Sequential(torch.nn.Linear(3, 4)), (3,))["0"]
    '4'
    """
    import torch

    from ..errors import UserError

    shapes: dict[str, str] = {}

    def note(path: str) -> Any:
        def hook(_layer: Any, _args: Any, out: Any) -> None:
            shapes[path] = _shape(tuple(out.shape[1:])) if isinstance(out, torch.Tensor) else ""

        return hook

    handles = [layer.register_forward_hook(note(path)) for path, layer in model.named_modules()]
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, *size))
    except Exception as error:
        first = " ".join(str(error).split())[:200]
        raise UserError(
            f"the network does not take input of {_shape(size)}: {type(error).__name__}: {first}"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    return shapes
