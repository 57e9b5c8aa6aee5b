"""Names of the code as letters of mathematics. · 把代码中的名字写成数学字母。

A name is its own spelling (`x_hat` is x̂, `β1` is β₁, `δx` the delta of x); a few of torch's long names stand for the
letter that the papers use. Two names of one page never share a letter: the long one is then spelled out.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

# torch's name: (letter, meaning)
LETTERS = {
    "weight": ("W", "weights · 权重"),
    "bias": ("b", "bias · 偏置"),
    "out": ("y", "output · 输出"),
    "input": ("x", "input · 输入"),
    "target": ("t", "target · 目标"),
    "eps": ("ε", "small number that keeps a division finite · 防止除零的小数"),
    "lr": ("η", "learning rate · 学习率"),
    "betas": ("β", "decay rates of the moments · 矩的衰减率"),
    "momentum": ("μ", "momentum · 动量系数"),
    "dampening": ("τ", "dampening of the momentum · 动量阻尼"),
    "weight_decay": ("λ", "weight decay · 权重衰减"),
    "exp_avg": ("m", "moving mean of the gradient · 梯度的滑动平均"),
    "exp_avg_sq": ("v", "moving mean of its square · 梯度平方的滑动平均"),
    "max_exp_avg_sq": ("v_max", "largest v so far · 历史最大的 v"),
    "momentum_buffer": ("v", "velocity · 速度"),
    "square_avg": ("v", "moving mean of the squared gradient · 梯度平方的滑动平均"),
    "sum": ("G", "sum of the squared gradients · 梯度平方和"),
    "acc_delta": ("u", "moving mean of the squared steps · 步长平方的滑动平均"),
    "exp_inf": ("u", "largest gradient remembered · 记住的最大梯度"),
    "mu_product": ("Π", "product of all μ so far · 历次 μ 之积"),
    "velocity": ("v", "velocity · 速度"),
    "row_var": ("R", "mean squares by row · 按行均方"),
    "col_var": ("C", "mean squares by column · 按列均方"),
    "variance": ("V", "mean squares · 均方"),
    "negative_slope": ("a", "slope below zero · 负半轴斜率"),
    "alpha": ("α", "α, as the paper names it · 论文中的 α"),
    "beta": ("β", "β, as the paper names it · 论文中的 β"),
    "gamma": ("γ", "γ, as the paper names it · 论文中的 γ"),
    "rho": ("ρ", "decay rate · 衰减率"),
    "lambd": ("λ", "threshold or decay · 阈值或衰减"),
    "sigma": ("σ", "σ, as the paper names it · 论文中的 σ"),
    "tau": ("τ", "τ, as the paper names it · 论文中的 τ"),
    "theta": ("θ", "parameters · 参数"),
    "stride": ("s", "stride · 步幅"),
    "padding": ("p", "padding · 填充"),
    "dilation": ("d", "dilation · 空洞率"),
    "groups": ("G", "groups · 分组数"),
    "num_groups": ("G", "groups · 分组数"),
    "kernel_size": ("k", "kernel size · 核大小"),
}

# Letters that mean a number unless the code computes them from a tensor.
_NUMBERS = """lr eps betas momentum dampening weight_decay alpha beta gamma rho lambd tau β1 β2 β_1 β_2 beta1 beta2
α β γ ε η λ μ τ ρ κ t T N"""
SCALARS = frozenset(_NUMBERS.split())

_SPELLED = r"""\alpha \beta \gamma \delta \varepsilon \zeta \eta \theta \iota \kappa \lambda \mu \nu \xi \pi \rho \sigma
\tau \upsilon \varphi \chi \psi \omega \Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma \Phi \Psi \Omega"""
_GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ", _SPELLED.split(), strict=True))
_WORDS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}
_MARKS = {"\u0302": r"\hat", "\u0304": r"\bar", "\u0303": r"\tilde", "\u0307": r"\dot"}
_LOW = str.maketrans("0123456789-+", "₀₁₂₃₄₅₆₇₈₉₋₊")


def lowered(s: str) -> str:
    """Digits as subscripts. · 下标数字。

    >>> lowered("-12")
    '₋₁₂'
    """
    return s.translate(_LOW)


def escape(s: str) -> str:
    """A word for TeX's text mode. · TeX 文本转义。"""
    return re.sub(r"([_#$%&{}])", r"\\\1", s.replace("\\", "").replace("^", "").replace("~", " "))


def prefixed(name: str) -> bool:
    """Whether a name is the delta or the change of another: δx, Δθ. · 是否为 δ 或 Δ 前缀的名字。"""
    return len(name) > 1 and name[0] in "δΔ" and name[1] not in "_0123456789ʹ" and name[1] not in _MARKS


@dataclass(frozen=True)
class Letter:
    """One name taken apart: δ or Δ before it, the core, an accent, primes, a subscript. · 拆开的名字。"""

    spelled: str
    verbatim: bool = False
    prefix: str = ""

    @cached_property
    def parts(self) -> tuple[str, str, int, str]:
        s = self.spelled
        primes = s.count("ʹ") + s.count("_prime")
        s = s.replace("ʹ", "").replace("_prime", "")
        accent = next((m for m in _MARKS if m in s), "")
        s = s.replace(accent, "")
        for word, mark in _WORDS.items():
            if re.search(rf"[^_]_{word}(_|$)", s):
                accent, s = mark, re.sub(rf"_{word}(?=_|$)", "", s, count=1)
        found = re.fullmatch(r"([^\W\d_])_?(\d+)|([^\W\d_])_(\w+)|([^\W\d_]+?)_?(\d+)", s)
        core, low = tuple(g for g in found.groups() if g is not None) if found else (s, "")
        return core, accent, primes, low

    @property
    def squared(self) -> bool:
        """σ2 is the variance, σ²: a letter with an exponent of its own. · 方差自带指数。"""
        return self.spelled == "σ2" and not self.verbatim

    def latex(self) -> str:
        s = rf"\mathrm{{{escape(self.spelled)}}}" if self.verbatim else self.plain()
        return rf"{{{_GREEK[self.prefix]} {s}}}" if self.prefix else s

    def plain(self) -> str:
        if self.squared:
            return r"{\sigma}^{2}"
        core, accent, primes, low = self.parts
        if len(core) > 1 and core.isascii():
            s = rf"\mathrm{{{escape(core)}}}"
        else:
            s = "".join(_GREEK.get(c, escape(c)) for c in core)
        s = rf"{_MARKS[accent]}{{{s}}}" if accent else s
        s += "'" * primes
        if low:
            s += rf"_{{{low}}}" if low.isdigit() or (len(low) < 3 and low.isascii()) else rf"_{{{_word(low)}}}"
        return s

    def text(self) -> str:
        if self.verbatim:
            return self.prefix + self.spelled
        if self.squared:
            return self.prefix + "σ²"
        core, accent, primes, low = self.parts
        low = lowered(low) if low.isdigit() else f"_{low}" if low else ""
        return self.prefix + core + accent + "′" * primes + low


def _word(s: str) -> str:
    return "".join(_GREEK[c] for c in s) if all(c in _GREEK for c in s) else rf"\mathrm{{{escape(s)}}}"


class Naming:
    """The letters of one page: every name of the code gets one, and no two names the same. · 一页之内的字母表。

    >>> n = Naming(["weight", "δweight", "exp_avg", "m"])
    >>> [n[k].text() for k in ("weight", "δweight", "exp_avg", "m")]
    ['W', 'δW', 'exp_avg', 'm']
    """

    def __init__(self, names: Iterable[str] = ()):
        self._letters: dict[str, Letter] = {}
        self._taken: set[str] = set()
        # Short names keep their letter; a long one takes its letter only if that is free.
        for name in sorted(dict.fromkeys(names), key=lambda n: (prefixed(n), n in LETTERS)):
            if name not in self._letters:
                self._add(name)

    @staticmethod
    def _short(name: str) -> str:
        return LETTERS.get(name, (name, ""))[0]

    def _add(self, name: str) -> Letter:
        if prefixed(name):
            base = self[name[1:]]
            choices = [Letter(base.spelled, base.verbatim, name[0]), Letter(name, verbatim=True)]
        else:
            choices = [Letter(self._short(name)), Letter(name), Letter(name, verbatim=True)]
        letter = next((c for c in choices if c.text() not in self._taken), choices[-1])
        self._taken.add(letter.text())
        self._letters[name] = letter
        return letter

    def __getitem__(self, name: str) -> Letter:
        return self._letters.get(name) or self._add(name)

    def names(self) -> set[str]:
        """Every name that has a letter. · 已有字母的名字。"""
        return set(self._letters)

    def letters(self) -> set[str]:
        """Every letter in use. · 已用的字母。"""
        return self._taken
