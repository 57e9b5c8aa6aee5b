"""`chainrule models`: the networks by name, and one of them layer by layer. · 模型目录。"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ..catalog import KINDS, MODELS, build_model, check_model, kind
from ..settings import split
from .complete import model_names
from .show import as_json, say, table


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name", required=False, shell_complete=model_names)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[KEY=VALUE]...")
@click.option("--size", help="Input size C,H,W for the shapes of a network of your own.")
@click.option("--table", "full", is_flag=True, help="With what each layer takes, multiply-adds and memory.")
@click.option("--json", "json_", is_flag=True, help="The same as JSON.")
@click.option("--diagram", "drawn", is_flag=True, help="Draw it as NAME.svg and NAME.mmd (Mermaid) instead.")
@click.option("--out", type=click.Path(path_type=Path), help="Where --diagram draws, without the ending.")
def models(
    name: str | None, words: tuple[str, ...], size: str | None, full: bool, json_: bool, drawn: bool, out: Path | None
) -> None:
    """List the models, or show NAME layer by layer, made with KEY=VALUE. · 列出模型，或逐层查看。"""
    if name is None:
        list_models(json_)
        return
    options = _constructor(words)
    check_model(name, options)
    if not KINDS[kind(name)].alone:
        say(f"{name}: {MODELS[name].en} · {MODELS[name].zh}")
        say(f"learns {KINDS[kind(name)].en}: chainrule train {name} {KINDS[kind(name)].example}")
        say(f"takes {_options(MODELS[name].options)}")
        if MODELS[name].reading:
            say(f"reads  data.KEY: {_options(MODELS[name].reading)}")
        return
    shape = read_size(size) if size else MODELS[name].input(options) if name in MODELS else None
    model = _made(name, options, shape)
    if json_:
        show_json(name, model, shape)
        return
    if drawn:
        draw(name, model, shape, out)
        return
    if name in MODELS:
        say(f"{name}: {MODELS[name].en} · {MODELS[name].zh}")
        say(f"takes {_options(MODELS[name].options)}")
    show_layers(model, shape, full)


def list_models(json_: bool = False) -> None:
    """Every model: parameters, multiply-adds and input. · 列出全部模型。"""
    if json_:
        as_json({name: asdict(entry) for name, entry in MODELS.items()})
        return
    columns = ["model", ">parameters", ">MACs", "input", "what"]
    rows = [[n, _count(e.parameters), _count(e.macs), _shape(e.size), f"{e.en} · {e.zh}"] for n, e in MODELS.items()]
    table(columns, rows)


def _made(name: str, options: dict[str, Any], shape: tuple[int, ...] | None) -> Any:
    """The network; one of the catalogue's large ones without numbers, which takes no time and no memory."""
    import torch

    large = name in MODELS and MODELS[name].macs > 1e8 and shape is not None
    with torch.device("meta" if large else "cpu"):
        return build_model(name, options)


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


def show_layers(model: Any, size: tuple[int, ...] | None, full: bool = False) -> None:
    """A row for each layer: its kind, the shape it gives, its parameters, and in full what it costs. · 逐层表格。"""
    if size is None:
        own = {path: sum(p.numel() for p in layer.parameters(recurse=False)) for path, layer in model.named_modules()}
        rows = [[path or "-", type(layer).__name__, _count(own[path])] for path, layer in model.named_modules()]
        table(["layer", "kind", ">parameters"], rows)
        say(f"{sum(p.numel() for p in model.parameters()):,} parameters")
        return
    from ..look.layers import cost

    found = cost(model, size)
    if full:
        columns = ["layer", "kind", ">takes", ">gives", ">parameters", ">MACs", ">memory"]
        rows = [
            [
                r.path or "-",
                r.kind,
                _shape(r.takes),
                _shape(r.gives),
                _count(r.parameters),
                _count(r.macs),
                _bytes(r.memory),
            ]
            for r in found.layers
        ]
    else:
        columns = ["layer", "kind", ">gives", ">parameters"]
        rows = [[r.path or "-", r.kind, _shape(r.gives), _count(r.parameters)] for r in found.layers]
    table(columns, rows)
    sums = f"{found.macs:,} MACs, {_bytes(found.memory)} of maps"
    say(f"{found.parameters:,} parameters, for input {_shape(size)}: {sums}")


def show_json(name: str, model: Any, size: tuple[int, ...] | None) -> None:
    """What a network costs, layer by layer, as JSON. · 以 JSON 输出逐层统计。"""
    from ..look.layers import cost

    found = cost(model, _needed(size, "the cost"))
    sums = {"parameters": found.parameters, "macs": found.macs, "memory": found.memory}
    as_json({"model": name, "size": size, **sums, "layers": [asdict(layer) for layer in found.layers]})


def draw(name: str, model: Any, size: tuple[int, ...] | None, out: Path | None) -> None:
    """Write the block diagram of a network as SVG and as Mermaid text. · 写出网络结构图。"""
    from ..look.diagram import diagram
    from ..look.layers import cost
    from ..runs.durable import replace

    shape = _needed(size, "the diagram")
    found = cost(model, shape)
    title = name.rpartition(":")[2]
    told = [f"{MODELS[name].en} · {MODELS[name].zh}"] if name in MODELS else []
    told.append(f"{found.parameters:,} parameters · {found.macs:,} MACs")
    svg, mermaid = diagram(model, shape, title, " · ".join(told))
    for ending, text in ((".svg", svg), (".mmd", mermaid)):
        path = (out or Path(title)).with_name((out or Path(title)).name + ending)
        replace(path, text.encode())
        say(f"drawn {path}")


def _needed(size: tuple[int, ...] | None, what: str) -> tuple[int, ...]:
    from ..errors import UserError

    if size is None:
        raise UserError(f"{what} of a network of your own needs the size of its input: --size C,H,W")
    return size


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _bytes(number: int) -> str:
    """
    >>> _bytes(3_211_264), _bytes(400), _bytes(0)
    ('3.2 MB', '400 B', '')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} B" if number else ""
