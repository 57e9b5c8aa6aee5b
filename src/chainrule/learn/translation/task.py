"""What a translator makes small, and what is told of it. · 翻译任务：损失与指标。

symbols  out [N, T, V] scores   y [N, T] targets y₁…y_n `<EOS>`, `<PAD>` behind
"""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from ...data.text.padded import target_tokens
from ...data.text.part import Part
from ...data.text.side import Side
from ...data.text.vocabulary import PAD
from ...zoo.word_output import word_loss
from ..device import Device
from .bleu import Bucket, Scale, by_length
from .swift import obstacle
from .translator import USUAL, Search, translate


@dataclass
class Said:
    """Loss and share of right words under teacher forcing; of a scored part BLEU too. · 翻译指标。

    texts: what was said, sentence by sentence, where it was scored; remarks: what the figures of BLEU are.
    """

    loss: float = 0.0
    right: int = 0
    tokens: int = 0
    bleu: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    buckets: list[Bucket] = field(default_factory=list)

    better: ClassVar[str] = "accuracy"

    def add(self, out: Tensor, y: Tensor) -> None:
        """Take in the scores of a batch. · 计入一批。"""
        tokens = target_tokens([y])
        self.loss += float(word_loss(out, y)) * tokens
        self.right += int(((out.argmax(-1) == y) & (y != PAD)).sum())
        self.tokens += tokens

    def figures(self) -> dict[str, float]:
        """Per target token; perplexity is e to the mean loss. · 各指标。"""
        loss = self.loss / max(self.tokens, 1)
        told = {"loss": loss, "perplexity": math.exp(min(loss, 700.0)), "accuracy": self.right / max(self.tokens, 1)}
        return told | self.bleu | {"count": float(self.tokens)}


@dataclass(frozen=True)
class Translating:
    """Cross-entropy of the next word, in the mean over the target's tokens. · 逐词交叉熵，按目标词平均。

    source, target: the sides; scale: how translations are judged; longest: tokens of one at most.
    """

    source: Side
    target: Side
    scale: Scale
    longest: int
    smoothing: float = 0.0
    search: Search = USUAL

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """In float32 or finer. · 损失。"""
        return word_loss(out if out.dtype == torch.float64 else out.float(), y, self.smoothing)

    def count(self, y: Tensor) -> int:
        """Tokens that the loss is the mean of. · 目标词数。"""
        return target_tokens([y])

    def metrics(self) -> Said:
        return Said()

    @torch.no_grad()
    def evaluate(self, model: Any, split: Part, device: Device) -> Said:
        """The figures of a part; with BLEU where it is scored. · 评估。"""
        said, was_training = Said(), model.training
        model.eval()
        try:
            for _, (x, y) in split.in_order():
                x, y = device.move(x), device.move(y)
                with device.autocast():
                    out = model(*x)
                said.add(out if out.dtype == torch.float64 else out.float(), y)
            if split.scored:
                self._score(model, split, device, said)
        finally:
            model.train(was_training)
        return said

    def _score(self, model: Any, split: Part, device: Device, said: Said) -> None:
        found = translate(model, split.sources, self.longest, device, self.search)
        said.texts = [self.target.text(one[0].tokens if one else ()) for one in found]
        references = [target for _, target in split.texts]
        said.bleu, said.remarks = self.scale.figures(said.texts, references)
        if said.bleu:
            with device.autocast():
                why = obstacle(model)
            said.remarks.append(f"translations: {self.search}; by the {f'layers: {why}' if why else 'native kernel'}")
            words = [len(source.split()) if " " in source else len(source) for source, _ in split.texts]
            said.buckets = by_length(self.scale, words, said.texts, references)
