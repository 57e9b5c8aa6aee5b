"""Ways to draw the first weights by name, without importing torch: a part of the catalogue. · 参数初始化的目录。"""

import math

from .entry import Entry

# By how much weights make up for what the activation behind them takes away; "leaky_relu" depends on its slope.
GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}

_KAIMING = {"init_gain": "relu", "init_mode": "fan_in"}
_NARROW = "normal with deviation init_std, 0.01 by default (Krizhevsky et al. 2012)"


def _entry(function: str, en: str, zh: str, **options: object) -> Entry:
    return Entry(f"chainrule.nn.init:{function}_", en, zh, options)


INITS = {
    "xavier": _entry(
        "xavier_uniform", "Glorot & Bengio 2010 as published: uniform", "Xavier，同 xavier_uniform", init_gain=1.0
    ),
    "xavier_uniform": _entry("xavier_uniform", "Glorot & Bengio 2010, uniform", "Xavier 均匀分布", init_gain=1.0),
    "xavier_normal": _entry("xavier_normal", "Glorot & Bengio 2010, normal", "Xavier 正态分布", init_gain=1.0),
    "kaiming": _entry(
        "kaiming_normal", "He et al. 2015 as published: normal", "Kaiming，同 kaiming_normal", **_KAIMING
    ),
    "kaiming_uniform": _entry("kaiming_uniform", "He et al. 2015, uniform", "Kaiming 均匀分布", **_KAIMING),
    "kaiming_normal": _entry("kaiming_normal", "He et al. 2015, normal", "Kaiming 正态分布", **_KAIMING),
    "orthogonal": _entry("orthogonal", "orthogonal rows (Saxe et al. 2014)", "正交初始化", init_gain=1.0),
    "standard": _entry(
        "standard_uniform",
        "uniform up to 1/sqrt(fan_in): the habit before Xavier, and torch's",
        "标准均匀分布",
        init_gain=1.0,
    ),
    "normal": _entry("normal", _NARROW, "正态分布，标准差默认 0.01", init_std=0.01),
    "uniform": _entry("spread_uniform", "uniform with deviation init_std, 0.01 by default", "均匀分布", init_std=0.01),
    "trunc_normal": _entry(
        "cut_normal", "normal with deviation 0.02, cut off at twice that", "截断正态分布", init_std=0.02
    ),
    "glorot": _entry("xavier_uniform", "another name of xavier", "同 xavier", init_gain=1.0),
    "glorot_uniform": _entry("xavier_uniform", "another name of xavier_uniform", "同 xavier_uniform", init_gain=1.0),
    "glorot_normal": _entry("xavier_normal", "another name of xavier_normal", "同 xavier_normal", init_gain=1.0),
    "he": _entry("kaiming_normal", "another name of kaiming", "同 kaiming", **_KAIMING),
    "he_uniform": _entry("kaiming_uniform", "another name of kaiming_uniform", "同 kaiming_uniform", **_KAIMING),
    "he_normal": _entry("kaiming_normal", "another name of kaiming_normal", "同 kaiming_normal", **_KAIMING),
}
