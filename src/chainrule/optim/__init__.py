"""Optimizers, each one pure update. · 优化器：每个都是一个纯更新。"""

from .adaptive import Adam, AdamW
from .card import Rule
from .gradient_descent import SGD
from .pure import Pure, pure
from .rule import OPTIMIZERS, RULES, by_name, rule

__all__ = ["OPTIMIZERS", "RULES", "SGD", "Adam", "AdamW", "Pure", "Rule", "by_name", "pure", "rule"]
