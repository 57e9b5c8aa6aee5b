"""What a check found, said in one line. · 一项检查的结果，用一行说清。

A check returns the gaps it measured (judged against a tolerance), raises `Wrong` with the one line that a number cannot
say, or `Skip` with the reason why it does not apply here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .differences import Gap, index_of


class Wrong(Exception):
    """A check failed for a reason that is no number. · 非数值的失败。"""


class Skip(Exception):
    """A check does not apply here, and why. · 不适用及其原因。"""


@dataclass(frozen=True)
class Finding:
    """One check on one sample: the worst error, or what went wrong. · 一项检查在一个样本上的结果。

    `sample` is None for what concerns the whole, `worst` is None where nothing was measured: with `ok` that is a check
    that does not apply, and the note says why.
    """

    check: str
    sample: int | None
    worst: float | None
    tolerance: float | None
    ok: bool
    note: str = ""


def first_line(error: BaseException) -> str:
    """An exception as one line. · 异常的首行。

    >>> first_line(ValueError("no\\nmore"))
    'ValueError: no'
    """
    text = str(error).strip().splitlines()
    return type(error).__name__ + (f": {text[0]}" if text else "")


def judged(check: str, sample: int | None, tolerance: float | None, measure: Callable[[], list[Gap]]) -> Finding:
    """Run one check and say what it found. · 运行一项检查并说明结果。

    >>> judged("twin", 0, 1e-6, lambda: [Gap("out", 1e-9), Gap("delta of x", 0.5, "at [2]")]).note
    'delta of x: worst error 5.0e-01 at [2]'
    """
    try:
        found = measure()
    except Skip as reason:
        return Finding(check, sample, None, tolerance, True, str(reason))
    except Wrong as reason:
        return Finding(check, sample, None, tolerance, False, str(reason))
    except Exception as error:  # whatever the judged code raises is a finding, not the end of the proof
        return Finding(check, sample, None, tolerance, False, first_line(error))
    bad = [gap for gap in found if not gap.worst <= (tolerance or 0.0)]  # written so that NaN is bad
    worst = max((gap.worst for gap in bad or found), default=0.0)
    return Finding(check, sample, worst, tolerance, not bad, "; ".join(map(str, bad)))


def form(t: Tensor) -> str:
    """Dtype and shape as one reads them. · 类型与形状。

    >>> form(torch.zeros(2, 3))
    'float32 [2, 3]'
    """
    return f"{str(t.dtype).removeprefix('torch.')} {list(t.shape)}"


def gap(name: str, a: Tensor, b: Tensor) -> Gap:
    """The worst entry of |a - b| / (1 + |b|); equal infinities agree, so do two NaN. · 最大的逐项误差。

    Raises `Wrong` when shape or dtype differ.

    >>> str(gap("out", torch.tensor([1.0, float("inf")]), torch.tensor([3.0, float("inf")])))
    'out: worst error 5.0e-01 at [0]'
    """
    if a.shape != b.shape or a.dtype != b.dtype:
        raise Wrong(f"{name} is {form(a)}, expected {form(b)}")
    x, y = a.detach().double(), b.detach().double()
    same = (x == y) | (x.isnan() & y.isnan())
    error = torch.where(same, 0.0, (x - y).abs() / (1 + y.abs())).nan_to_num(float("inf"))
    if not error.any():
        return Gap(name, 0.0)
    place = int(error.argmax())
    return Gap(name, float(error.reshape(-1)[place]), index_of(place, error.shape))
