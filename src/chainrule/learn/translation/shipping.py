"""A translator as files that others run: an encoder and a decoder's step. · 导出翻译模型：编码器与解码一步。

The encoder takes the ids of sentences of one length, so nothing has to be masked, and gives the state that the decoder
begins with; the decoder takes a word and the state, and gives log-probabilities and what has changed of the state, the
first of its tensors. Both are tried against what the run answers. Vocabularies and how text is cut are in the files,
and a script beside them translates without chainrule.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ... import __version__
from ...data.text.side import Side
from ...nn.additive import LuongAttention
from ...nn.positions import SinusoidalPositions, sinusoids
from ...nn.shared import Shared
from ...zoo.seq2seq import AttentionSeq2Seq, RecurrentSeq2Seq
from ..parcel import Exported, Parcel, Sizes, ship
from .script import FORMS, script, told

if TYPE_CHECKING:
    from .run import TranslationRun

LENGTHS = {1: (1, 0), 2: (7, 3), 3: (40, 9)}  # sentences: words read, words said before, as it is made and tried
READ = "source: int64 [N, S], ids of sentences of one length; unknown words are 3"
STEP = "token: int64 [N], 1 at first, 2 ends; what follows log_p takes the place of the first inputs behind token"
Flat = tuple[Tensor, ...]


@dataclass(frozen=True)
class Layout:
    """A decoder's state as tensors with names, whose first ones change with each word. · 状态的平铺形式。

    free: which axes beside the first have as many places as the source ("S") or as was said ("P"), tensor by tensor.
    """

    names: tuple[str, ...]
    changing: int
    free: tuple[dict[int, str], ...]
    flat: Callable[[Any], Flat]
    nest: Callable[[Flat], Any]


def layout(network: Any) -> Layout:
    """The state of each kind of translator. · 各模型的状态。"""
    if isinstance(network, RecurrentSeq2Seq):
        names = ("h", "c")[: 2 if network.layers.mode == "LSTM" else 1]
        return Layout(names, len(names), ({},) * len(names), tuple, tuple)
    if isinstance(network, AttentionSeq2Seq):
        parts = 2 if isinstance(network.cell, torch.nn.LSTMCell) else 1
        alike = isinstance(network.attention, LuongAttention) and network.attention.score != "concat"
        names = (*("s", "c")[:parts], "h", *(() if alike else ("keys",)))
        free = tuple({} if i < parts else {1: "S"} for i in range(len(names)))

        def flat(state: Any) -> Flat:
            source = state["source"]
            return (*state["s"], source["h"], *(() if alike else (source["keys"],)))

        def nest(given: Flat) -> Any:
            return {"s": given[:parts], "source": Shared(h=given[parts], keys=given[-1], mask=None)}

        return Layout(names, parts, free, flat, nest)
    return Layout(("past", "memory"), 1, ({4: "P"}, {4: "S"}), _kept, _seen)


def _kept(state: Any) -> Flat:
    """Keys and values of what was said, and of the source, [N, layers, 2, heads, length, d] each."""
    past, memory = (
        torch.stack([torch.stack(pair, 1) for pair in k], 1) for k in (state["past"], state["source"]["kept"])
    )
    return past, memory


def _seen(given: Flat) -> Any:
    past, source = ([pair.unbind(1) for pair in kept.unbind(1)] for kept in given)
    return {"past": past, "source": Shared(kept=source, mask=None)}


class Encoder(torch.nn.Module):
    """Sentences of one length as the state to begin with. · 编码器：等长的句子 → 初始状态。

    source [N, S]
    """

    def __init__(self, network: Any, form: Layout) -> None:
        super().__init__()
        self.network, self.form = network, form

    def forward(self, source: Tensor) -> Flat:
        state = self.network.start(source)
        if "past" in self.form.names:  # nothing is said yet: keys and values of no words
            state["past"] = [(k[:, :, :0], v[:, :, :0]) for k, v in state["source"]["kept"]]
        return self.form.flat(state)


class Decoder(torch.nn.Module):
    """One word more. · 解码器的一步。

    token [N] and the state; log_p [N, V] and what has changed of the state
    """

    def __init__(self, network: Any, form: Layout) -> None:
        super().__init__()
        self.network, self.form = network, form

    def forward(self, token: Tensor, *state: Tensor) -> Flat:
        log_p, after = self.network.step(self.form.nest(state), token)
        return log_p, *self.form.flat(after)[: self.form.changing]


def export(
    run: "TranslationRun", to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None
) -> Exported:
    """Write a run's translator for use elsewhere, tried against what it answers here. · 导出翻译模型。

    to "onnx" (tried in onnxruntime), "torch" (torch.export programs) or "safetensors" with what is to be known as JSON;
    out the folder (default: `export` in the run). Raises `UserError` as `parcel.ship` does; nothing is left then.
    """
    graphs = packed(run)
    if to == "safetensors":  # one network, and both sides of it
        facts = {one.stem: one.facts for one in graphs}
        return ship(run, [replace(graphs[0], facts=facts, stem="model", scripts={})], to, fold_bn, out)
    return ship(run, graphs, to, fold_bn, out)


def packed(run: "TranslationRun") -> list[Parcel]:
    """Encoder and decoder of a run, with inputs to make and to try them with. · 待交付的编码器与解码器。"""
    network, sides = run.network, (run.facts.side(0), run.facts.side(1))
    positions = getattr(network, "max_length", None)
    longest = min(run.facts.longest, positions or run.facts.longest)
    for part in network.modules():
        if isinstance(part, SinusoidalPositions):  # of all positions: a graph does not make its table larger
            part.table = sinusoids(positions or longest, part.d_model).to(part.table)
    form = layout(network)
    encoder, decoder = Encoder(network, form).eval(), Decoder(network, form).eval()

    def read(rows: int) -> tuple[Tensor, ...]:
        return (_ids(rows, LENGTHS[rows][0], len(sides[0].words)),)

    def said(rows: int) -> tuple[Tensor, ...]:
        state, tokens = encoder(*read(rows)), _ids(LENGTHS[rows][1] + 1, rows, len(sides[1].words))
        for token in tokens[:-1]:
            state = (*decoder(token, *state)[1:], *state[form.changing :])
        return tokens[-1], *state

    scripts = {to: text for to in FORMS if (text := script(to, *sides))}
    most, after = {"S": positions, "P": longest - 1}, [f"{name}_after" for name in form.names[: form.changing]]
    facts = [facts_of(run, side) for side in sides]
    known, known_of_step = {**facts[0], "input": READ}, {**facts[1], "longest": longest, "input": STEP}
    lacks = " and ".join(f"tokens={one.tokens}" for one in sides if told(one)["pattern"] is None) + " needs chainrule"
    reads, says = Sizes(({1: "S"},), most), Sizes(({}, *form.free), most)
    inputs, outputs, step = ("token", *form.names), ("log_p", *after), torch.no_grad()(said)
    return [
        Parcel(encoder, ("source",), form.names, read, known, scripts, "encoder", reads, lacks),
        Parcel(decoder, inputs, outputs, step, known_of_step, stem="decoder", sizes=says),
    ]


def facts_of(run: "TranslationRun", side: Side) -> dict[str, Any]:
    """What a user of a side's file has to know. · 使用信息。"""
    about = {"model": run.model, "language": side.name, "tokens": side.tokens, "lower": side.lower}
    return {**about, "vocabulary": side.words.tokens, **told(side), "made_by": f"chainrule {__version__}"}


def _ids(sentences: int, length: int, words: int) -> Tensor:
    return torch.randint(3, words, (sentences, length), generator=torch.Generator().manual_seed(length))
