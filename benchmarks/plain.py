"""Modules that torch has not, their equations written down in torch: the peers of ours of the same name."""

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
