"""Decoding by a Transformer, greedily and by a beam, against torch and CTranslate2 on the same weights.

The weights are drawn and no sentence ends before its last word, so all say as much, and mostly the same. The
straightforward decoder is the one of the tutorials: torch's modules read all that was said so far again at each step.
CTranslate2, which is a peer and no dependency, computes in float32 as the others do; ours is what `chainrule translate`
runs.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import plain
import torch
from harness import Row, Table, measure

from chainrule.data.text.vocabulary import BOS, EOS, NUL, PAD, SPECIALS
from chainrule.learn.device import Device
from chainrule.learn.translation.swift import swift
from chainrule.learn.translation.translator import Search, translate
from chainrule.zoo.transformer_seq2seq import TransformerSeq2Seq

WORDS, LENGTH = 8000, 20  # of each side; said of each sentence
ROUNDS = 3  # the straightforward decoder takes up to 20 s a call
Sentences = list[list[int]]


class Size(NamedTuple):
    """Width, layers of each side, heads; sentences at once."""

    width: int
    layers: int
    heads: int
    sentences: int

    def __str__(self) -> str:
        return f"N={self.sentences} D={self.width} L={self.layers}"


SIZES = [Size(128, 4, 4, 64), Size(256, 3, 8, 64), Size(512, 6, 8, 32), Size(256, 3, 8, 1)]


def network(size: Size) -> TransformerSeq2Seq:
    """Drawn weights that end no sentence."""
    torch.manual_seed(0)
    made = TransformerSeq2Seq(WORDS, WORDS, size.width, size.layers, size.heads, norm_first=True).eval()
    with torch.no_grad():
        assert made.out.bias is not None
        made.out.bias.zero_()[[PAD, BOS, EOS, NUL]] = -1e4  # never said, by anybody
    return made


def sources(count: int) -> Sentences:
    draw = torch.Generator().manual_seed(count)
    lengths = torch.randint(6, 24, (count,), generator=draw).tolist()
    return [torch.randint(4, WORDS, (n,), generator=draw).tolist() for n in lengths]


def ours(model: Any, given: Sentences, beam: int) -> Sentences:
    """What `chainrule translate` runs, which lays the weights out once for all that it reads, as CTranslate2 does."""
    found = translate(model, given, LENGTH, Device("cpu"), Search(beam, float(beam > 1)))
    return [list(one[0].tokens) for one in found]


def ctranslate(model: TransformerSeq2Seq, folder: Path) -> Callable[[Sentences, int], Sentences]:
    """CTranslate2 on the same weights, with as many threads as torch has here."""
    import ctranslate2  # pyright: ignore[reportMissingImports]

    layers = model.layers
    spec = ctranslate2.specs.TransformerSpec.from_config(
        (len(layers.encoder.layers), len(layers.decoder.layers)), layers.nhead, pre_norm=True
    )
    for side, own, table, words in (
        (spec.encoder, layers.encoder, model.source_positions.table, model.source_embedding),
        (spec.decoder, layers.decoder, model.positions.table, model.embedding),
    ):
        first = side.embeddings[0] if isinstance(side.embeddings, list) else side.embeddings
        first.weight = array(words.weight)
        side.position_encodings.encodings = array(table)
        norm(side.layer_norm, own.norm)
        for made, layer in zip(side.layer, own.layers, strict=True):
            block(made, layer)
    spec.decoder.projection.weight = array(model.out.weight)
    spec.decoder.projection.bias = array(model.out.bias)
    names = [*SPECIALS, *map(str, range(4, WORDS))]
    spec.register_source_vocabulary(names)
    spec.register_target_vocabulary(names)
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = "<BOS>", "<EOS>", "<NUL>"
    spec.config.decoder_start_token = "<BOS>"
    spec.validate()
    spec.save(str(folder))
    made = ctranslate2.Translator(str(folder), device="cpu", intra_threads=torch.get_num_threads(), inter_threads=1)

    def run(given: Sentences, beam: int) -> Sentences:
        texts = [[names[i] for i in one] for one in given]
        found = made.translate_batch(texts, beam_size=beam, max_decoding_length=LENGTH, length_penalty=float(beam > 1))
        return [[int(token) for token in one.hypotheses[0]] for one in found]

    return run


def array(x: torch.Tensor) -> np.ndarray:
    return x.detach().numpy().astype(np.float32)


def norm(spec: Any, layer: Any) -> None:
    spec.gamma, spec.beta = array(layer.weight), array(layer.bias)


def linear(spec: Any, weight: torch.Tensor, bias: torch.Tensor) -> None:
    spec.weight, spec.bias = array(weight), array(bias)


def attention(spec: Any, layer: Any, normed: Any) -> None:
    D, (weight, bias) = layer.embed_dim, (layer.in_proj_weight, layer.in_proj_bias)
    cuts = [slice(0, 3 * D)] if len(spec.linear) == 2 else [slice(0, D), slice(D, 3 * D)]
    for made, cut in zip(spec.linear, cuts, strict=False):
        linear(made, weight[cut], bias[cut])
    linear(spec.linear[-1], layer.out_proj.weight, layer.out_proj.bias)
    norm(spec.layer_norm, normed)


def block(spec: Any, layer: Any) -> None:
    attention(spec.self_attention, layer.self_attn, layer.norm1)
    last = layer.norm2
    if hasattr(layer, "multihead_attn"):
        attention(spec.attention, layer.multihead_attn, layer.norm2)
        last = layer.norm3
    linear(spec.ffn.linear_0, layer.linear1.weight, layer.linear1.bias)
    linear(spec.ffn.linear_1, layer.linear2.weight, layer.linear2.bias)
    norm(spec.ffn.layer_norm, last)


def same(found: Sequence[Sentences]) -> float:
    """The share of sentences that all say alike."""
    return sum(all(one == row[0] for one in row) for row in zip(*found, strict=True)) / len(found[0])


def row(size: Size, beam: int, seconds: float, notes: list[str]) -> Row:
    model, given = network(size), sources(size.sentences)
    peer = plain.Translator(model, LENGTH)
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[Sentences, int], Sentences]] = {"torch, straightforward": peer}
        if find_spec("ctranslate2"):
            ways["CTranslate2"] = ctranslate(model, Path(folder))
        peers = tuple(ways)
        laid = swift(model) or model
        ways["ours"] = lambda given, beam: ours(laid, given, beam)
        said = {name: way(given, beam) for name, way in ways.items()}
        calls = {name: (lambda way=way: way(given, beam)) for name, way in ways.items()}
        made = measure("greedy" if beam == 1 else f"beam {beam}", str(size), calls, peers, seconds, rounds=ROUNDS)
    tokens = size.sentences * LENGTH
    rates = ", ".join(f"{name} {tokens / took:,.0f}" for name, took in made.seconds.items())
    notes.append(
        f"{made.name}, {size}: tokens a second: {rates}; "
        f"{same(list(said.values())):.0%} of the sentences said alike by all."
    )
    return made


def run(seconds: float, only: Iterable[str] = ()) -> Table:
    """The table; `only`: greedy or beam."""
    table = Table("decoding", "Translating a batch by a Transformer", {"ours": 0.97}, times=True)
    for size in SIZES:
        for beam in (1, 5):
            if not only or ("greedy" if beam == 1 else "beam") in only:
                table.rows.append(row(size, beam, seconds, table.notes))
    if not find_spec("ctranslate2"):
        table.notes.append("CTranslate2 is not here: pip install ctranslate2.")
    return table
