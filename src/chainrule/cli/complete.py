"""What the shell may complete: models, data, settings, runs, formulas, recipes; no torch. · 补全。"""

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from ..catalog import DATASETS, MODELS, SCHEDULES, kind
from ..datasets import names as data_of
from ..errors import UserError, did_you_mean
from ..fields import RESUMABLE, SHAPES, SPECS
from ..settings import WORD

MORE = "; `chainrule formula` lists them"
SHAPING = ("epochs", "lr", "warmup", *SHAPES)  # the settings of a run that shape its learning rate


@cache
def formula_rooms() -> dict[str, str]:
    """Every function decorated with `@formula(…)` and its module, read from the source text. · 由源码扫描公式。

    >>> formula_rooms()["linear"]
    'chainrule.nn.linear'
    """
    found = {}
    package = Path(__file__).parents[1]
    for path in [*sorted((package / "nn").glob("*.py")), package / "look" / "surfaces.py"]:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and any(_is_formula(d) for d in node.decorator_list):
                found[node.name] = f"chainrule.{path.parent.name}.{path.stem}"
    return dict(sorted(found.items()))


def check_formulas(names: Iterable[str]) -> None:
    """Refuse unknown formulas, all at once and without torch. · 检查公式名。

    >>> check_formulas(["linear"])
    """
    known = list(formula_rooms())
    errors = [f"unknown formula {n!r}{nearest(n, known)}" for n in names if n not in known]
    if errors:
        raise UserError(*errors)


def nearest(name: str, known: Iterable[str]) -> str:
    """Names that hold the word, else the one that is spelt most like it, else where they are listed. · 相近的名称。

    >>> nearest("conv", ["linear", "conv1d", "conv2d"]), nearest("linaer", ["linear"])
    ('; did you mean conv1d or conv2d?', '; did you mean linear?')
    """
    known = list(known)
    holding = [k for k in known if name.lower() in k.lower()] if len(name) > 2 else []
    return f"; did you mean {' or '.join(holding[:4])}?" if holding else did_you_mean(name, known) or MORE


def _is_formula(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Name) and called.id == "formula"


def _values(key: str) -> list[str]:
    spec = SPECS[key]
    return list(spec.choices) if spec.kind == "choice" else ["true", "false"] if spec.kind == "bool" else []


def setting_words(done: list[str], incomplete: str, keys: tuple[str, ...] = tuple(SPECS)) -> list[CompletionItem]:
    """Completions of one key=value word; bash hands it over torn at the "=". · 补全 key=value。"""
    key, equals, start = incomplete.partition("=")
    if not equals and done and (done[-1] == "=" or done[-1] in keys):
        key, start = (done[-2] if len(done) > 1 else "") if done[-1] == "=" else done[-1], incomplete
        return [CompletionItem(v) for v in (_values(key) if key in keys else []) if v.startswith(start)]
    if equals:
        return [CompletionItem(f"{key}={v}") for v in (_values(key) if key in keys else []) if v.startswith(start)]
    given = {m[1] for m in map(WORD.match, done) if m}
    return [CompletionItem(f"{k}=", help=SPECS[k].en) for k in keys if k.startswith(incomplete) and k not in given]


def _names(names: Any, incomplete: str, otherwise: str = "file") -> list[CompletionItem]:
    """The names that fit; where none does, the shell's own files or folders."""
    found = [CompletionItem(n, help=names[n].en if isinstance(names, dict) else None) for n in names]
    return [item for item in found if item.value.startswith(incomplete)] or [CompletionItem(incomplete, otherwise)]


def _done(ctx: click.Context, param: click.Parameter) -> list[str]:
    return [str(word) for word in ctx.params.get(param.name or "") or ()]


def train_words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """MODEL or run.toml, then DATA, then settings. · 训练命令的补全。"""
    done = _done(ctx, param)
    if not done:
        return _names(MODELS, incomplete)
    if len(done) == 1 and not done[0].endswith(".toml"):
        return _names(data_of(kind(done[0])), incomplete, "dir")
    return setting_words(done, incomplete)


def schedule_words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Schedules by name, then what shapes them. · 调度名与其设置。"""
    done = _done(ctx, param)
    named = [CompletionItem(n, help=e.en) for n, e in SCHEDULES.items() if n.startswith(incomplete) and n not in done]
    return [*named, *setting_words(done, incomplete, SHAPING)]


def race_words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Surfaces by name, then what else a race takes. · 赛道名与设置。"""
    from ..look.racers import TRACKS

    done = _done(ctx, param)
    keys = ("optimizers=", "surfaces=", "lr=", "steps=", "seed=", "network=", "animation=")
    named = [CompletionItem(n, help=e.en) for n, e in TRACKS.items() if n.startswith(incomplete) and n not in done]
    return [*named, *(CompletionItem(key) for key in keys if key.startswith(incomplete))]


def resume_words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The settings that may change when a run goes on. · 续训可改的设置。"""
    return setting_words(_done(ctx, param), incomplete, RESUMABLE)


def run_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Run folders under runs/. · 运行名称。"""
    folders = sorted(p.parent.name for p in Path("runs").glob("*/run.toml"))
    return _names(folders, incomplete, "dir")


def model_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Models by name. · 模型名。"""
    return _names(MODELS, incomplete)


def data_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Known data sets, or a folder. · 数据集名。"""
    return _names(DATASETS, incomplete, "dir")


def formulas(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Formulas by name. · 公式名。"""
    return _names(list(formula_rooms()), incomplete)


def recipes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Recipes by name. · 配方名。"""
    from . import recipes, reproduce_graph

    return _names([*recipes.names(), *reproduce_graph.names()], incomplete)
