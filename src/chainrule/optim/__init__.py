"""Optimizers, each one pure update; schedules, each one pure function. · 优化器与学习率调度，皆为纯函数。"""

from .adaptive import Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, RAdam, RMSprop
from .averaging import ASGD
from .card import Rule
from .filters import MuonSGD
from .gradient_descent import NAG, SGD, HeavyBall, Momentum
from .groups import param_groups
from .matrix import Adafactor, Muon
from .pure import Pure, pure
from .quasi_newton import LBFGS
from .rule import OPTIMIZERS, RULES, by_name, rule
from .schedule import SCHEDULES, Schedule
from .sign import Lion, Rprop
from .wrapping import SAM, Guard, Lookahead

__all__ = [
    "ASGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Guard",
    "HeavyBall",
    "LBFGS",
    "Lion",
    "Lookahead",
    "Momentum",
    "Muon",
    "MuonSGD",
    "NAG",
    "NAdam",
    "OPTIMIZERS",
    "Pure",
    "RAdam",
    "RMSprop",
    "RULES",
    "Rprop",
    "Rule",
    "SAM",
    "SCHEDULES",
    "SGD",
    "Schedule",
    "by_name",
    "param_groups",
    "pure",
    "rule",
]
