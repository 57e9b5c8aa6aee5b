"""Optimizers, each one pure update; schedules, each one pure function. · 优化器与学习率调度，皆为纯函数。"""

from .adaptive import Adam, AdamW
from .card import Rule
from .gradient_descent import SGD
from .groups import param_groups
from .pure import Pure, pure
from .rule import OPTIMIZERS, RULES, by_name, rule
from .schedule import SCHEDULES, Schedule

__all__ = [
    "OPTIMIZERS",
    "RULES",
    "SCHEDULES",
    "SGD",
    "Adam",
    "AdamW",
    "Pure",
    "Rule",
    "Schedule",
    "by_name",
    "param_groups",
    "pure",
    "rule",
]
