"""A recurrent language model as it is trained: its state goes on from batch to batch. · 训练时携带状态的循环语言模型。

Truncated back-propagation: the gradient ends where a batch begins, the state does not (Williams & Peng 1990,
doi:10.1162/neco.1990.2.4.490). It lies in buffers, so that a step that is not finite puts it back and a compiled step
sees it; they are no weights: a checkpoint holds them apart (`state.carried`).
"""

from typing import Any

import torch
from torch import Tensor

from ...zoo.language_model import RecurrentLanguageModel


class Carrying(RecurrentLanguageModel):
    """Called with a bool tensor in the state's place, it takes up the state of the batch before. · 接续上一批的状态。

    rows: N, of every batch. fresh: true where a text begins anew; all rows begin at zero then.

    >>> model = Carrying(10, width=8, kind="gru", rows=1)
    >>> whole, _ = model(torch.tensor([[4, 5, 6, 7]]), torch.tensor(True))
    >>> halves = [model(torch.tensor([part]), torch.tensor(new))[0] for part, new in (([4, 5], True), ([6, 7], False))]
    >>> torch.allclose(torch.cat(halves, 1), whole, atol=1e-6), list(model.carries)
    (True, ['carried0'])
    """

    def __init__(self, vocabulary: int, *, rows: int, **options: Any) -> None:
        super().__init__(vocabulary, **options)
        layers = self.layers
        self.carries = ("carried0", "carried1") if layers.mode == "LSTM" else ("carried0",)
        for name in self.carries:
            zeros = torch.zeros(rows, layers.num_layers, layers.hidden_size)
            self.register_buffer(name, zeros, persistent=False)

    def forward(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        if not isinstance(state, Tensor):
            return super().forward(tokens, state)
        held: list[Tensor] = [getattr(self, name) for name in self.carries]
        before = tuple(torch.where(state, torch.zeros_like(s), s) for s in held)
        scores, after = super().forward(tokens, before)
        with torch.no_grad():
            for kept, now in zip(held, after, strict=True):
                kept.copy_(now)
        return scores, after
