"""Which settings of a run do not go together. · 相互矛盾的运行设置。

No torch here, as in settings.py. A line begins with the setting that it is about: where that one is wrong by itself
already, the line is left out.
"""

from typing import TYPE_CHECKING, Any

from .catalog import INITS, OPTIMIZERS, SCHEDULES
from .data.augment.plan import KINDS
from .data.augment.plan import parse as plan
from .errors import UserError
from .fields import DEFAULTS, OPTIONS, SHAPES
from .runs.folder import check_name

if TYPE_CHECKING:
    from .settings import Settings

ON = {"sam": "sam=0.05", "lookahead": "lookahead=5"}


def conflicts(s: "Settings") -> list[str]:
    """A line for each thing that no single value can tell. · 逐条列出相互矛盾的设置。"""
    lines = [*_updates(s), *_around(s), *_of_folds(s), *_of_transfer(s), *_of_labels(s)]
    if s.warmup > s.epochs:
        lines.append(
            f"warmup={_show(s.warmup)}: expected at most the {s.epochs} epochs of the run; the rate never got up"
        )
    for key in SHAPES:
        if key not in SCHEDULES[s.schedule].options and getattr(s, key) != DEFAULTS[key]:
            who = " or ".join(name for name, entry in SCHEDULES.items() if key in entry.options)
            lines.append(f"{key}={getattr(s, key)}: only schedule={who} takes it, and schedule={s.schedule}")
    lines += _first_weights(s)
    if s.schedule == "onecycle" and s.warmup:
        lines.append(f"warmup={_show(s.warmup)}: schedule=onecycle has a rise of its own; leave warmup out")
    if s.schedule == "noam" and not s.warmup:
        lines.append("schedule=noam: it rises during warmup, and warmup=0; add warmup=1")
    for key in ("warmup_start", "warmup_shape"):
        if getattr(s, key) != DEFAULTS[key] and not s.warmup:
            lines.append(f"{key}={getattr(s, key)}: only a warmup takes it, and warmup=0; add warmup=1")
    if s.schedule == "plateau" and s.gamma == 1:
        lines.append("gamma=1.0: schedule=plateau expects a number below 1")
    if s.weights is not None and s.init != "default":
        lines.append(f"init={s.init}: the first weights come from weights={s.weights}; leave one of the two out")
    if s.label_smoothing and s.loss not in ("auto", "cross_entropy"):
        lines.append(f"label_smoothing={s.label_smoothing}: only loss=cross_entropy takes it, and loss={s.loss}")
    lines += _mixing(s)
    if s.name is not None:
        try:
            check_name(s.name)
        except UserError as error:
            lines += error.lines
    return lines


def _updates(s: "Settings") -> list[str]:
    takes, lines = OPTIMIZERS[s.optimizer].options, []
    for key in OPTIONS:
        if key not in takes and getattr(s, key) != DEFAULTS[key]:
            who = " or ".join(name for name, entry in OPTIMIZERS.items() if key in entry.options)
            lines.append(
                f"{key}={_show(getattr(s, key))}: optimizer={s.optimizer} does not take it, it takes "
                f"{', '.join(takes)}; {key} is for {who}"
            )
    if s.optimizer == "sgd" and s.nesterov and (not s.momentum or s.dampening):
        lines.append("nesterov=true: expected momentum above 0 and no dampening; add momentum=0.9")
    if s.etas is not None and not s.etas[0] < 1 < s.etas[1]:
        lines.append(f"etas={s.etas[0]:g},{s.etas[1]:g}: expected one number below 1 and one above it, like 0.5,1.2")
    if s.step_sizes is not None and s.step_sizes[0] > s.step_sizes[1]:
        lines.append(f"step_sizes={s.step_sizes[0]:g},{s.step_sizes[1]:g}: expected the shorter step first")
    return lines


def _around(s: "Settings") -> list[str]:
    lines = []
    for key, around in (("sam_adaptive", "sam"), ("lookahead_alpha", "lookahead")):
        if getattr(s, key) != DEFAULTS[key] and not getattr(s, around):
            lines.append(
                f"{key}={_show(getattr(s, key))}: only {around} takes it, and {around} is off; add {ON[around]}"
            )
    if s.precision == "fp16" and (s.optimizer == "lbfgs" or s.sam):
        who = "optimizer=lbfgs" if s.optimizer == "lbfgs" else f"sam={s.sam}"
        lines.append(
            f"precision=fp16: {who} evaluates the loss several times a step, which a loss scale forbids; take bf16"
        )
    if s.skips != DEFAULTS["skips"] and s.nonfinite == "stop":
        lines.append(f"skips={s.skips}: only nonfinite=skip takes it, and nonfinite=stop")
    return lines


def _first_weights(s: "Settings") -> list[str]:
    takes = INITS[s.init].options if s.init in INITS else {}
    lines = []
    for key, value in s.initial().items():
        if f"init_{key}" not in takes:
            who = ", ".join(name for name, entry in INITS.items() if f"init_{key}" in entry.options)
            lines.append(f"init_{key}={value}: init={s.init} does not take it; it is for {who}")
    return lines


def _mixing(s: "Settings") -> list[str]:
    """Mixed pictures have shares of classes for labels, which not every loss takes."""
    mixing = _mixers(s.augment)
    if mixing and s.loss not in ("auto", "cross_entropy", "mse", "bce"):
        return [f"augment={s.augment}: {mixing[0]} mixes labels, which loss={s.loss} cannot take; leave loss=auto"]
    return []


def _of_folds(s: "Settings") -> list[str]:
    lines = []
    if s.folds == 1:
        lines.append("folds=1: expected at least 2, or 0 for none")
    if s.fold and not s.folds:
        lines.append(f"fold={s.fold}: expected folds=K beside it, of which it is one")
    elif s.fold > s.folds:
        lines.append(f"fold={s.fold}: expected one of the {s.folds} folds, 1…{s.folds}, or 0 for all")
    for key, off in (("seeds", 1), ("overfit", 0)):
        if s.folds and getattr(s, key) != off:
            lines.append(f"folds={s.folds} and {key}={getattr(s, key)}: expected one of them")
    return lines


def _of_labels(s: "Settings") -> list[str]:
    if s.unlabelled == "none":
        takers = ("unlabelled_ratio", "unlabelled_weight", "unlabelled_rise", "confidence", "strong")
        return [
            f"{key}={_show(getattr(s, key))}: only unlabelled=pseudo or fixmatch takes it, and unlabelled=none"
            for key in takers
            if getattr(s, key) != DEFAULTS[key]
        ]
    lines = []
    if not s.labels:
        lines.append(f"unlabelled={s.unlabelled}: every image has its label; add labels=4")
    if s.unlabelled == "pseudo" and s.strong != DEFAULTS["strong"]:
        lines.append(f"strong={s.strong}: only unlabelled=fixmatch takes it")
    if s.overfit:
        lines.append(f"overfit={s.overfit}: learns batches by heart; leave unlabelled={s.unlabelled} out")
    if s.balance != "none":
        lines.append(f"balance={s.balance}: of each class labels={s.labels} are kept already; leave it out")
    for key in ("augment", "strong"):
        lines += [
            f"{key}={getattr(s, key)}: {kind} mixes labels, which unlabelled={s.unlabelled} cannot take"
            for kind in _mixers(getattr(s, key))
        ]
    return lines


def _mixers(text: str) -> list[str]:
    try:
        return [step.kind for step in plan(text) if step.kind in KINDS and KINDS[step.kind].mixes]
    except UserError:  # it is told where it is read
        return []


def _of_transfer(s: "Settings") -> list[str]:
    lines = []
    if s.unfreeze is not None:
        told = ",".join(map(str, s.unfreeze))
        if s.freeze is None:
            lines.append(f"unfreeze={told}: nothing is frozen; add freeze=backbone")
        elif list(s.unfreeze) != sorted(set(s.unfreeze)):
            lines.append(f"unfreeze={told}: expected epochs that rise, such as 3,6")
        elif s.unfreeze[-1] >= s.epochs:
            lines.append(f"unfreeze={told}: expected before the run's {s.epochs} epochs are over")
    for key in ("unfreeze", "backbone_lr", "layer_decay"):
        value = getattr(s, key)
        if s.optimizer == "lbfgs" and value != DEFAULTS[key]:
            lines.append(f"{key}={value}: optimizer=lbfgs takes all parameters as one vector, at one rate")
    if s.optimizer == "asgd" and s.freeze is not None:
        lines.append(f"freeze={s.freeze}: optimizer=asgd averages the whole network; take ema=0.999 with another one")
    return lines


def _show(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
