"""Proof: every formula and any module against finite differences and a second opinion. · 证明：有限差分与独立对照。"""

from .findings import Finding
from .formulas import Case, has_compiler, prove
from .modules import check_module

__all__ = ["Case", "Finding", "check_module", "has_compiler", "prove"]
