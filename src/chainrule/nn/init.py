r"""First weights: how wide to draw them · 初始化：权重的初始宽度

symbols  weight [O, I, …]   fan_in = I/groups · k² (what one output sums over)   fan_out = O/groups · k² (what one input
         reaches)   gain of what follows
         bound of a uniform draw = √3 · std (errata E52)
note     xavier and glorot are one method under the given and the family name of its author (E50), kaiming and he are
         another (E51); a module's own first weights are torch's by inheritance: U(±1/√fan_in), which is neither
note     the same seed or generator gives the numbers that torch.nn.init draws
"""

from collections.abc import Iterator
from math import erf, sqrt
from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear
from torch.nn.modules.conv import _ConvNd

from ..errors import UserError, unknown
from ..first_weights import GAINS, INITS

Generator = torch.Generator | None


def gain_of(nonlinearity: str | float, a: float = 0.0) -> float:
    """By how much the weights make up for what the activation takes away. · 激活函数对应的增益。

    nonlinearity  an activation's name, or the gain itself; a is the slope of leaky_relu below 0

    Raises `UserError` for an activation without one. Source: He et al. 2015, arXiv:1502.01852, eq. 15 for leaky_relu.

    >>> gain_of("tanh"), gain_of("leaky_relu", 1.0), gain_of(4.0)
    (1.6666666666666667, 1.0, 4.0)
    """
    if isinstance(nonlinearity, int | float):
        return float(nonlinearity)
    if nonlinearity == "leaky_relu":
        return leaky_gain(a)
    if nonlinearity not in GAINS:
        raise unknown("nonlinearity", nonlinearity, (*GAINS, "leaky_relu"))
    return GAINS[nonlinearity]


def leaky_gain(a: float) -> float:
    return sqrt(2 / (1 + a**2))


def fans(weight: Tensor) -> tuple[int, int]:
    """How many inputs an output sums over, and how many outputs an input reaches (E49). · 扇入与扇出。

    Raises `UserError` for a weight of fewer than two axes.

    >>> fans(torch.empty(6, 3, 5, 5))
    (75, 150)
    """
    if weight.ndim < 2:
        raise UserError(f"a weight of shape {tuple(weight.shape)} has no fans: expected [out, in, …]")
    field = weight[0, 0].numel()
    return weight.shape[1] * field, weight.shape[0] * field


@torch.no_grad()
def uniform_(weight: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator = None) -> Tensor:
    """Uniform numbers between a and b. · 均匀分布。

    >>> uniform_(torch.empty(3), 2.0, 2.0)
    tensor([2., 2., 2.])
    """
    return weight.uniform_(a, b, generator=generator)


@torch.no_grad()
def normal_(weight: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator = None) -> Tensor:
    """Normal numbers. · 正态分布。

    >>> normal_(torch.empty(3), 2.0, 0.0)
    tensor([2., 2., 2.])
    """
    return weight.normal_(mean, std, generator=generator)


def xavier_std(fan_in: int, fan_out: int, gain: float) -> float:
    return gain * sqrt(2 / (fan_in + fan_out))


def bound_of(std: float) -> float:
    return sqrt(3) * std


def xavier_uniform_(weight: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """Variance 2 / (fan_in + fan_out): forward and backward keep their width together. · Xavier 均匀分布。

    Source: Glorot & Bengio 2010, Understanding the difficulty of training deep feedforward neural networks, eq. 16.

    >>> xavier_uniform_(torch.empty(2, 4)).abs().max() <= 1
    tensor(True)
    """
    bound = bound_of(xavier_std(*fans(weight), gain))
    return uniform_(weight, -bound, bound, generator)


def xavier_normal_(weight: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """The same variance, drawn normal. · Xavier 正态分布。

    Source: Glorot & Bengio 2010, eq. 12.

    >>> xavier_normal_(torch.empty(2, 4), gain=0.0).abs().max()
    tensor(0.)
    """
    return normal_(weight, 0.0, xavier_std(*fans(weight), gain), generator)


def kaiming_std(fan: int, gain: float) -> float:
    return gain / sqrt(fan)


def _fan(weight: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise unknown("mode", mode, ("fan_in", "fan_out"))
    return fans(weight)[mode == "fan_out"]


def kaiming_uniform_(
    weight: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str | float = "leaky_relu",
    generator: Generator = None,
) -> Tensor:
    """Variance 2 / ((1 + a²) · fan): a rectifier halves what comes through, so draw twice as wide. · Kaiming 均匀分布。

    Raises `UserError` for an unknown mode. Source: He et al. 2015, arXiv:1502.01852, eq. 10, 14 and 15.

    >>> kaiming_uniform_(torch.empty(2, 6)).abs().max() <= 1
    tensor(True)
    """
    bound = bound_of(kaiming_std(_fan(weight, mode), gain_of(nonlinearity, a)))
    return uniform_(weight, -bound, bound, generator)


def kaiming_normal_(
    weight: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str | float = "leaky_relu",
    generator: Generator = None,
) -> Tensor:
    """The same variance, drawn normal. · Kaiming 正态分布。

    Raises `UserError` for an unknown mode. Source: He et al. 2015, arXiv:1502.01852, eq. 10, 14 and 15.

    >>> kaiming_normal_(torch.empty(2, 6), mode="fan_out").shape
    torch.Size([2, 6])
    """
    return normal_(weight, 0.0, kaiming_std(_fan(weight, mode), gain_of(nonlinearity, a)), generator)


glorot_uniform_, glorot_normal_ = xavier_uniform_, xavier_normal_
he_uniform_, he_normal_ = kaiming_uniform_, kaiming_normal_


@torch.no_grad()
def orthogonal_(weight: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """Rows (or columns, whichever are fewer) at right angles, every rotation as likely. · 正交初始化。

    Source: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120; signs: Mezzadri 2007, arXiv:math-ph/0609050, §5.

    >>> w = orthogonal_(torch.empty(2, 3))
    >>> torch.allclose(w @ w.T, torch.eye(2), atol=1e-6)
    True
    """
    fans(weight)
    flat = weight.new_empty(weight.shape[0], weight[0].numel()).normal_(generator=generator)
    wide = flat.shape[0] < flat.shape[1]
    q, r = torch.linalg.qr(flat.T if wide else flat)
    q = q * r.diagonal().sign()
    return weight.copy_(gain * (q.T if wide else q).reshape(weight.shape))


@torch.no_grad()
def trunc_normal_(
    weight: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Generator = None
) -> Tensor:
    """Normal numbers, drawn again while they lie outside [a, b]. · 截断正态分布。

    Raises `UserError` where [a, b] holds less than a hundredth of the numbers: it would draw forever.

    >>> trunc_normal_(torch.empty(100)).abs().max() <= 2
    tensor(True)
    """
    inside = (erf((b - mean) / std / sqrt(2)) - erf((a - mean) / std / sqrt(2))) / 2
    if inside < 0.01:
        raise UserError(f"trunc_normal_ got [{a}, {b}] for mean {mean} and std {std}: expected bounds nearer the mean")
    drawn = normal_(weight, mean, std, generator)
    while (outside := (drawn < a) | (drawn > b)).any():
        drawn = torch.where(outside, torch.empty_like(drawn).normal_(mean, std, generator=generator), drawn)
    return weight.copy_(drawn)


def cut_normal_(weight: Tensor, generator: Generator = None, std: float = 0.02) -> Tensor:
    """Normal numbers of std 0.02, cut off at two deviations: what vision and language models use. · 窄截断正态分布。

    >>> cut_normal_(torch.empty(100)).abs().max() <= 0.04
    tensor(True)
    """
    return trunc_normal_(weight, 0.0, std, -2 * std, 2 * std, generator)


def standard_bound(fan_in: int, gain: float) -> float:
    return gain / sqrt(fan_in)


def standard_uniform_(weight: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """Up to 1/√fan_in, variance 1/(3 fan_in): the habit that Xavier was measured against, and torch's. · 标准均匀分布。

    Source: Glorot & Bengio 2010, eq. 1.

    >>> standard_uniform_(torch.empty(3, 4)).abs().max() <= 0.5
    tensor(True)
    """
    bound = standard_bound(fans(weight)[0], gain)
    return uniform_(weight, -bound, bound, generator)


def spread_uniform_(weight: Tensor, std: float = 0.01, generator: Generator = None) -> Tensor:
    """Uniform numbers of a given deviation: their bound is √3 of it (E52). · 给定标准差的均匀分布。

    >>> spread_uniform_(torch.empty(100), std=1.0).abs().max() <= 3**0.5
    tensor(True)
    """
    return uniform_(weight, -bound_of(std), bound_of(std), generator)


def parts(layer: Linear | _ConvNd) -> Iterator[Tensor]:
    """The weight of each group of a layer as [out, in, …]: groups are layers side by side. · 各组的权重。

    So the fans are those of what is computed: an input of a depthwise convolution reaches k² sums and not O · k² (E49),
    and a transposed convolution, which keeps its weight as [in, out, …], is turned round.

    >>> conv = torch.nn.Conv2d(8, 16, 3, groups=8)
    >>> fans(conv.weight), fans(next(parts(conv)))
    ((9, 144), (9, 18))
    """
    for part in layer.weight.detach().chunk(getattr(layer, "groups", 1)):
        yield part.transpose(0, 1) if getattr(layer, "transposed", False) else part


def initialize(
    model: torch.nn.Module,
    name: str,
    seed: int | Generator = None,
    gain: float | str | None = None,
    mode: str | None = None,
    std: float | None = None,
) -> torch.nn.Module:
    """Draw the weight of every linear and convolution layer by one method; biases are 0. · 按名称初始化整个网络。

    model  changed in place and returned; its other layers keep what they have
    name   one of chainrule.catalog.INITS, or "default": leave all as torch drew it
    seed   a number, a generator, or None for torch's own generator
    gain   a factor or the activation it makes up for; mode "fan_in" or "fan_out"; std the deviation

    Raises `UserError` for an unknown name and for an option that the method does not take.

    >>> initialize(torch.nn.Linear(2, 3), "he", seed=0).bias.detach()
    tensor([0., 0., 0.])
    """
    if name != "default" and name not in INITS:
        raise unknown("init", name, ("default", *INITS))
    given = {key: value for key, value in (("gain", gain), ("mode", mode), ("std", std)) if value is not None}
    options = {} if name == "default" else INITS[name].options
    takes = {key.removeprefix("init_"): value for key, value in options.items()}
    if lines := [f"{key}={value}: init={name} does not take it" for key, value in given.items() if key not in takes]:
        raise UserError(*lines)
    if name == "default":
        return model
    draw, options = INITS[name].load(), _arguments(takes | given)
    generator = torch.Generator().manual_seed(seed) if isinstance(seed, int) else seed
    for module in model.modules():
        if isinstance(module, Linear | _ConvNd):
            for part in parts(module):
                draw(part, **options, generator=generator)
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)
    return model


def _arguments(options: dict[str, Any]) -> dict[str, Any]:
    """As the functions take them: where a fan is chosen, torch calls the gain by what it makes up for."""
    gain = {"nonlinearity" if "mode" in options else "gain": gain_of(options["gain"])} if "gain" in options else {}
    return {key: value for key, value in options.items() if key != "gain"} | gain
