"""A language model as a function of ids, with what turns text into them and back. · 把语言模型交付出去。

A recurrent model leaves as one step: a token and the state go in, log-probabilities and the state come out. A
Transformer leaves whole: up to data.steps tokens go in, log-probabilities of what comes behind each come out. Both are
tried against what the run answers; the vocabulary is in the file, and a script beside it goes on with a text.
"""

from os import PathLike
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ... import __version__
from ...data.text.normal import Normal
from ...zoo.language_model import RecurrentLanguageModel
from ..cutting import cutting
from ..parcel import Exported, Parcel, Sizes, ship
from .script import script

if TYPE_CHECKING:
    from .run import LanguageRun


class OneStep(torch.nn.Module):
    """A recurrent model as a function of one token. · 循环模型的一步。

    token [N], state parts [N, L, H]; log_p [N, V], state
    """

    def __init__(self, model: RecurrentLanguageModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, token: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        model, layers = self.model, self.model.layers
        x, after = model.embedding(token), []
        for level, weights in enumerate(layers.all_weights):
            after.append(layers.once(x, tuple(part[:, level] for part in state), weights))
            x = after[-1][0]
        return model.out(x).log_softmax(-1), *(torch.stack(parts, 1) for parts in zip(*after, strict=True))


class Whole(torch.nn.Module):
    """A Transformer as a function of all tokens. · 整段输入的 Transformer。

    tokens [N, T], T at most data.steps; log_p [N, T, V]
    """

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> tuple[Tensor]:
        return (self.model(tokens)[0].log_softmax(-1),)


def export(run: "LanguageRun", to: str, fold_bn: bool, out: str | PathLike[str] | None) -> Exported:
    """Write a run's language model, tried against what it answers here. · 导出并核对；参见 `parcel.ship`。"""
    facts = run.facts
    reader, normal = facts.reader, Normal.parse(facts.normalise)
    known = {
        "model": run.model,
        "tokens": facts.tokens,
        "vocabulary": list(facts.vocabulary),
        "normalise": facts.normalise,
        "steps": facts.steps,
        "made_by": f"chainrule {__version__}",
        **cutting(reader.cut),
    }
    beside = {} if known["pattern"] is None else script(reader.cut, normal)
    lacks = f"data.tokens={facts.tokens} needs chainrule"
    pack = _step if isinstance(run.network, RecurrentLanguageModel) else _whole
    return ship(run, [pack(run.network, facts.steps, facts=known, scripts=beside, lacks=lacks)], to, fold_bn, out)


def _step(model: Any, steps: int, facts: dict[str, Any], **more: Any) -> Parcel:
    layers = model.layers
    names = ("h", "c") if layers.mode == "LSTM" else ("h",)
    shape = layers.num_layers, layers.hidden_size

    def example(rows: int) -> tuple[Tensor, ...]:
        draw = torch.Generator().manual_seed(rows)
        token = torch.randint(4, model.out.out_features, (rows,), generator=draw)
        return token, *(torch.randn(rows, *shape, generator=draw) for _ in names)

    outputs, facts = ("log_p", *(f"{name}_after" for name in names)), facts | {"state": [shape for _ in names]}
    sizes = Sizes(told="a step, state in and out, any batch")
    return Parcel(OneStep(model).eval(), ("token", *names), outputs, example, facts, sizes=sizes, **more)


def _whole(model: Any, steps: int, facts: dict[str, Any], **more: Any) -> Parcel:
    lengths = {1: steps, 2: max(1, steps // 2), 3: 1, 4: max(1, steps - 1)}  # rows → tokens, as it is made and tried

    def example(rows: int) -> tuple[Tensor, ...]:
        draw = torch.Generator().manual_seed(rows)
        return (torch.randint(4, model.out.out_features, (rows, lengths[rows]), generator=draw),)

    free: tuple[dict[int, str], ...] = ({1: "T"},) if steps > 1 else ({},)
    sizes = Sizes(free, {"T": steps}, (1, 3, 4), f"up to {steps} tokens, any batch")
    facts = facts | {"state": []}
    return Parcel(Whole(model).eval(), ("tokens",), ("log_p",), example, facts, sizes=sizes, **more)
