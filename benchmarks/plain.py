"""Modules that torch has not, their equations written down in torch: the peers of ours of the same name."""

import math
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn


class AdditiveAttention(nn.Module):
    """All pairs of target step and source word at once, [N, T, S, A]."""

    def __init__(self, query_dim: int, key_dim: int, attention_dim: int):
        super().__init__()
        self.query = nn.Linear(query_dim, attention_dim, bias=False)
        self.key = nn.Linear(key_dim, attention_dim)
        self.energy = nn.Parameter(torch.empty(attention_dim).uniform_(-1, 1) / attention_dim**0.5)

    def forward(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        scores = (self.query(query)[:, :, None] + self.key(key)[:, None]).tanh() @ self.energy
        shares = scores.softmax(-1)
        return shares @ key, shares


class LuongAttention(nn.Module):
    def __init__(self, query_dim: int, key_dim: int):
        super().__init__()
        self.weight = nn.Linear(query_dim, key_dim, bias=False)

    def forward(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        shares = (self.weight(query) @ key.mT).softmax(-1)
        return shares @ key, shares


class Unrolled(nn.Module):
    """A loop over `step`, which the compiler takes alone: unrolled it compiles for minutes."""

    step: Callable[..., tuple[Tensor, Tensor]]

    def __init__(self):
        super().__init__()
        self.one = self.step

    def compiled(self) -> Self:
        """One step by the compiler, the loop as it is."""
        self.one = torch.compile(self.step, dynamic=False)
        return self


class AttentionDecoder(Unrolled):
    """A GRU cell that looks at the source before each word, step by step."""

    def __init__(self, attention: AdditiveAttention, cell: nn.GRUCell):
        super().__init__()
        self.attention, self.cell = attention, cell

    @classmethod
    def of(cls, ours: Any) -> "AttentionDecoder":
        """The same weights."""
        looks, took = ours.attention, ours.cell
        attention = AdditiveAttention(looks.query.in_features, looks.key.in_features, len(looks.energy))
        attention.load_state_dict(looks.state_dict())
        cell = nn.GRUCell(took.input_size, took.hidden_size)
        cell.load_state_dict(took.state_dict())
        return cls(attention, cell)

    def step(self, word: Tensor, s: Tensor, h: Tensor, keys: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        scores = (self.attention.query(s)[:, None] + keys).tanh() @ self.attention.energy
        shares = scores.masked_fill(~mask, -torch.inf).softmax(-1)
        c = torch.bmm(shares[:, None], h)[:, 0]
        return self.cell(torch.cat([word, c], -1), s), c

    def forward(self, words: Tensor, h: Tensor, s: Tensor, mask: Tensor) -> Tensor:
        keys, told = self.attention.key(h), []
        for word in words:
            s, c = self.one(word, s, h, keys, mask)
            told.append(torch.cat([s, c], -1))
        return torch.stack(told)


class PeepholeLSTM(Unrolled):
    """One layer of an LSTM whose gates look at the cell, step by step."""

    def __init__(self, ours: nn.Module):
        super().__init__()
        for name, value in ours.named_parameters():
            self.register_parameter(name, nn.Parameter(value.detach().clone()))

    def step(self, z: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        z_i, z_f, z_g, z_o = (z + h @ self.weight_hh_l0.mT).chunk(4, -1)
        near: Any = self.weight_c_l0
        c = (z_f + near[1] * c).sigmoid() * c + (z_i + near[0] * c).sigmoid() * z_g.tanh()
        return (z_o + near[2] * c).sigmoid() * c.tanh(), c

    def forward(self, x: Tensor) -> Tensor:
        z = nn.functional.linear(x, self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)
        h = c = x.new_zeros(x.shape[1], self.weight_hh_l0.shape[1])
        told = []
        for one in z:
            h, c = self.one(one, h, c)
            told.append(h)
        return torch.stack(told)


class Translator:
    """A Transformer of torch's modules that reads all it has said again at each step, as the tutorials have it."""

    def __init__(self, ours: Any, longest: int):
        from steps import torchs

        self.net, self.longest = torchs(ours), longest

    @torch.no_grad()
    def __call__(self, sources: list[list[int]], beam: int) -> list[list[int]]:
        net, n = self.net, len(sources)
        source = nn.utils.rnn.pad_sequence([torch.tensor(one) for one in sources], batch_first=True)
        hidden = source == 0
        memory = net.layers.encoder(self.words(net.source_embedding, source), src_key_padding_mask=hidden)
        memory, hidden = memory.repeat_interleave(beam, 0), hidden.repeat_interleave(beam, 0)
        said = torch.ones(n * beam, 1, dtype=torch.int64)
        total = torch.full((n, beam), -torch.inf)
        total[:, 0] = 0
        ended, length = torch.zeros(n, beam, dtype=torch.bool), torch.zeros(n, beam)
        for t in range(1, self.longest + 1):
            causal = torch.ones(t, t, dtype=torch.bool).triu(1)
            x = self.words(net.embedding, said)
            out = net.layers.decoder(x, memory, causal, memory_key_padding_mask=hidden)[:, -1]
            log_p = net.out(out).log_softmax(-1).view(n, beam, -1)
            log_p = log_p.masked_fill(ended[..., None], -torch.inf)
            log_p[..., 2] = torch.where(ended, 0.0, log_p[..., 2])  # what has ended says its end again, for nothing
            total, place = (total[..., None] + log_p).flatten(1).topk(beam)
            origin, token = place // log_p.shape[-1], place % log_p.shape[-1]
            said = said.view(n, beam, t).gather(1, origin[..., None].expand(-1, -1, t))
            said = torch.cat([said, token[..., None]], 2).flatten(0, 1)
            ended, length = ended.gather(1, origin), length.gather(1, origin)
            length = torch.where(ended, length, t)
            ended = ended | (token == 2)
            if ended.all():
                break
        best = (total / length if beam > 1 else total).argmax(1)
        lines = said.view(n, beam, -1)[torch.arange(n), best, 1:].tolist()
        return [line[: line.index(2)] if 2 in line else line for line in lines]

    def words(self, table: nn.Embedding, tokens: Tensor) -> Tensor:
        D = table.embedding_dim
        rate = torch.exp(torch.arange(0, D, 2) * (-math.log(10000.0) / D))
        angle = torch.arange(tokens.shape[1])[:, None] * rate
        return table(tokens) * D**0.5 + torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
