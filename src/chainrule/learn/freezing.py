"""What of a network does not learn, and from when it does. · 冻结与逐级解冻。

A frozen part keeps every bit: its parameters have no gradient and no place in the optimizer, and its modules evaluate,
so that norms go by the statistics they have and neither drop out nor skip. Where it opens, the optimizer takes its
parameters in with fresh state and keeps what it remembers of the others.

source  Yosinski et al. 2014, arXiv:1411.1792 (frozen or fine-tuned layers); Howard & Ruder 2018, section 3.3,
        arXiv:1801.06146 (rates layer by layer, opened from the last layer down)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch.nn import Parameter

from ..data.names import show
from ..errors import UserError, did_you_mean
from ..settings import Settings
from ..zoo.stages import Stage, depths, stages
from . import build
from .mode import MARK
from .step import Step


@dataclass(frozen=True)
class Part:
    """What is frozen of one stage: names of modules, and the parameters. · 一个阶段中被冻结的部分。"""

    stage: Stage
    modules: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    @property
    def count(self) -> int:
        return sum(θ.numel() for θ in self.parameters)


class Freezing:
    """Freezes a network as the settings say, and opens it part by part. · 按设置冻结网络，并逐级解冻。

    parts  from the input to the head; opened from the end

    Raises `UserError` for a name of no layer, more stages or times than there are, and where nothing is left to learn.

    >>> from chainrule.catalog import build_model
    >>> from chainrule.settings import parse
    >>> network = build_model("resnet8")
    >>> made = Freezing(network, parse(["freeze=backbone", "unfreeze=2,4"]))
    >>> [part.stage.name for part in made.parts], [made.due(epochs) for epochs in (0, 2, 4)]
    (['conv1…layer1', 'layer2', 'layer3'], [0, 1, 3])
    >>> sum(θ.requires_grad for θ in network.parameters()), network.bn1.training
    (2, False)
    """

    def __init__(self, network: torch.nn.Module, settings: Settings, model: str = ""):
        self.network, self.settings, self.model = network, settings, model or type(network).__name__
        self.stages = stages(network)
        if len(self.stages) < 2:
            self._refuse_one_stage()
        self.parts = self._chosen()
        self.opened = 0
        times = settings.unfreeze or ()
        if len(times) > len(self.parts):
            held = ", ".join(part.stage.name for part in self.parts)
            raise UserError(
                f"unfreeze={','.join(map(str, times))}: {len(times)} times for {len(self.parts)} frozen stages "
                f"({held}); expected at most one for each"
            )
        for part in self.parts:
            self._hold(part, True)
        if self.parts and not any(θ.requires_grad for θ in network.parameters()):
            raise UserError(
                f"freeze={settings.freeze}: nothing of model {self.model} is left to learn; expected a part of it, "
                "such as freeze=backbone"
            )

    @property
    def count(self) -> int:
        """How many numbers do not learn yet. · 尚未学习的参数个数。"""
        return sum(part.count for part in self.parts[: len(self.parts) - self.opened])

    def due(self, epochs: int) -> int:
        """How many parts are open after so many epochs. · 若干轮后应解冻的部分数。"""
        times = self.settings.unfreeze or ()
        passed = sum(at <= epochs for at in times)
        return len(self.parts) if passed and passed == len(times) else passed

    def open(self, step: Step, epochs: int) -> list[str]:
        """Open what is due; a line for each part that then begins to learn. · 解冻到期的部分。"""
        due, end = self.due(epochs), len(self.parts)
        fresh = self.parts[end - due : end - self.opened]
        if not fresh:
            return []
        for part in fresh:
            self._hold(part, False)
        self.opened = due
        build.widen(step.optimizer, self.network, self.settings)
        step.renew()
        return [f"opened  {part.stage.name}: {part.count:,} more parameters learn" for part in reversed(fresh)]

    def lines(self) -> list[str]:
        """A line for each stage: its parameters, its rate, until when it is frozen. · 各阶段的参数、学习率与冻结。"""
        s = self.settings
        if not self.parts and s.backbone_lr == s.layer_decay == 1:
            return []
        shares, frozen = build.shares(self.network, s), {part.stage: i for i, part in enumerate(self.parts)}
        lr, width = build.rate(s), max(len(stage.name) for stage in self.stages)
        lines = []
        for stage, own in zip(self.stages, self._parameters(), strict=True):
            size, i = sum(θ.numel() for θ in own), frozen.get(stage)
            learns = f"lr {lr * shares.get(own[0], 1.0):.4g}" if own else ""
            if i is not None:
                some = "" if self.parts[i].count == size else f"{self.parts[i].count:,} of them "
                when = self._opens(i)
                until = f" until epoch {when} is done, then {learns}" if when else ""
                learns = f"{some}frozen{until}"
            lines.append(f"stage   {stage.name:<{width}}  {size:>11,} parameters  {learns}")
        if self.parts and s.weights is None:
            lines.append(f"freeze={s.freeze} without weights=: what is frozen keeps its random first weights")
        return lines

    def _opens(self, i: int) -> int | None:
        return next((at for at in self.settings.unfreeze or () if self.due(at) >= len(self.parts) - i), None)

    def _hold(self, part: Part, frozen: bool) -> None:
        for θ in part.parameters:
            θ.requires_grad_(not frozen)
        for name in part.modules:
            module = self.network.get_submodule(name)
            if frozen:
                setattr(module.eval(), MARK, True)
            else:
                module.__dict__.pop(MARK, None)

    def _parameters(self) -> list[list[Parameter]]:
        """What each stage learns, were nothing frozen."""
        row: list[list[Parameter]] = [[] for _ in self.stages]
        for θ, depth in depths(self.network).items():
            row[len(row) - 1 - depth].append(θ)
        return row

    def _chosen(self) -> list[Part]:
        asked = self.settings.freeze
        if asked is None:
            return []
        if asked != "backbone" and not asked.isdigit():
            return self._named(asked.split("+"))
        before = len(self.stages) - 1
        first = before if asked == "backbone" else int(asked)
        if first > before:
            names = ", ".join(stage.name for stage in self.stages[:-1])
            raise UserError(
                f"freeze={asked}: model {self.model} has {before} stages in front of its head ({names}); expected "
                f"at most {before}"
            )
        rows = zip(self.stages[:first], self._parameters(), strict=False)
        return [Part(stage, stage.modules, _learning(own)) for stage, own in rows]

    def _named(self, words: list[str]) -> list[Part]:
        """The parts below the modules that are named, stage by stage."""
        names = [name for name, _ in self.network.named_modules() if name]
        chosen: set[str] = set()
        for word in words:
            found = [name for name in names if fnmatchcase(name, word)]
            if not any(_learning(self.network.get_submodule(name).parameters()) for name in found):
                what = "no layer that learns" if found else "no layer"
                own, hint = ", ".join(stage.name for stage in self.stages), did_you_mean(word, set(names) - {word})
                raise UserError(
                    f"freeze={'+'.join(words)}: {show(word)} names {what} of model {self.model}; expected backbone, "
                    f"a number of stages, or names of layers; its stages are {own}{'' if found else hint}"
                )
            chosen |= set(found)
        held = {θ for name in chosen for θ in self.network.get_submodule(name).parameters()}
        parts = []
        for stage, own in zip(self.stages, self._parameters(), strict=True):
            modules = [top for name in stage.modules for top in _meeting(name, chosen)]
            parameters = _learning(θ for θ in own if θ in held)
            parts += [Part(stage, tuple(modules), parameters)] if modules or parameters else []
        return parts

    def _refuse_one_stage(self) -> None:
        asked = {"freeze": self.settings.freeze, "layer_decay": self.settings.layer_decay}
        asked["backbone_lr"] = self.settings.backbone_lr
        for key, value in asked.items():
            if value not in (None, 1):
                raise UserError(
                    f"{key}={value}: model {self.model} has one layer with weights, its head; expected a model with "
                    "layers in front of it"
                )


def _learning(parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
    return tuple(θ for θ in parameters if θ.requires_grad)


def _meeting(name: str, chosen: set[str]) -> list[str]:
    """A module of a stage if it is chosen or lies below what is; else the outermost chosen ones below it."""
    if any(name == each or name.startswith(f"{each}.") for each in chosen):
        return [name]
    below = sorted(each for each in chosen if each.startswith(f"{name}."))
    return [each for each in below if not any(each.startswith(f"{other}.") for other in below)]
