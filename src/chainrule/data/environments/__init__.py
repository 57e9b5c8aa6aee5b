"""Worlds in which an agent acts: several at once, each step told in tensors. · 智能体所在的环境，成批、以张量表示。"""

from .base import Environments, Kept, Moved
from .episodes import Episode, play
from .names import make
from .spaces import Box, Discrete

__all__ = ["Box", "Discrete", "Environments", "Episode", "Kept", "Moved", "make", "play"]
