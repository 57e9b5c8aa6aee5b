"""The tree as one line of Unicode for a terminal: δx = δ Wᵀ. · 终端里的一行公式。"""

import re

from .render import ATOM, POWER, PREFIX, SCALE, SUM, Renderer
from .symbols import lowered
from .tree import Big, Bind, Cases, Frac, Neg, Node, Num, Pow, Sym

_HIGH = str.maketrans("0123456789+−-()abcdefghijklmnoprstuvwxyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")
_NAMES = {"sigmoid": "σ", "sign": "sgn", "relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "elu": "ELU"}


class Text(Renderer):
    """Unicode mathematics on one line. · 单行 Unicode 数学。"""

    NEG = MINUS = "−"
    PLUS, HADAMARD_SIGN, AND, OR, XOR, NOT, MAPS, ELLIPSIS = "+", "⊙", "∧", "∨", "⊕", "¬", "↦", "…"
    RELATIONS = {"==": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥", "in": "∈", "not in": "∉"}

    def paren(self, s: str) -> str:
        return f"({s})"

    def name(self, name: str) -> str:
        return self.naming[name].text()

    def number(self, value: float) -> tuple[str, int]:
        s = repr(value)
        if "e" not in s:
            return s.removesuffix(".0"), ATOM
        digits, exponent = s.split("e")
        power = "10" + str(int(exponent)).translate(_HIGH)
        return (power, POWER) if digits == "1" else (f"{digits} · {power}", SCALE)

    def const(self, name: str) -> str:
        return name

    def string(self, value: str) -> str:
        return f"“{value}”"

    def juxtapose(self, a: str, b: str, kind: str) -> str:
        call = b[0] == "(" and a[-1] not in ")0123456789"  # would read as a function of what follows
        return f"{a} · {b}" if b[0].isdigit() or call or re.search("[A-Za-z_]{2}$", a) else f"{a} {b}"

    def fraction(self, node: Frac) -> str:
        top = self.go(node.top, PREFIX if isinstance(node.top, Frac) else SCALE)
        return f"{top}/{self.go(node.bottom, PREFIX)}"

    def power(self, node: Pow) -> str:
        base, exponent = self.go(node.base, ATOM), self.go(node.exponent)
        simple = isinstance(node.exponent, Num | Sym) or (
            isinstance(node.exponent, Neg) and isinstance(node.exponent.of, Num | Sym)
        )
        if simple and re.fullmatch("−?([0-9]+|[a-pr-z])", exponent):
            return base + exponent.translate(_HIGH)
        return f"{base}^{self.go(node.exponent, ATOM)}"

    def root(self, of: Node) -> str:
        return f"√{self.go(of, ATOM)}"

    def transpose(self, s: str) -> str:
        return s + "ᵀ"

    def fence(self, kind: str, s: str) -> str:
        if kind in ("abs", "len") and "|" in s:  # a bar inside bars would close them
            return f"{kind}({s})"
        left, right = {"abs": "||", "len": "||", "norm": "‖‖", "floor": "⌊⌋", "ceil": "⌈⌉"}[kind]
        return left + s + right

    def axes(self, axes: str) -> str:
        if not axes:
            return ""
        return lowered(axes.replace(" ", "").replace("−", "-")) if re.fullmatch("[−0-9, ]+", axes) else f"_[{axes}]"

    def operator(self, name: str, axes: str, args: str) -> str:
        short = _NAMES.get(name, name)
        return f"{short if short not in self.naming.letters() else name}{self.axes(axes)}({args})"

    def big(self, node: Big) -> str:
        sign = {"sum": "Σ", "prod": "Π"}[node.kind]
        if node.axes and isinstance(node.axes[0], Bind):
            return f"{sign}_[{self.list(node.axes)}]({self.go(node.body)})"
        return f"{sign}{self.axes(self.list(node.axes))}({self.go(node.body)})"

    def index(self, base: str, items: str) -> str:
        return f"{base}[{items}]"

    def field(self, base: str, name: str) -> str:
        return f"{base}.{name}"

    def bracket(self, s: str) -> str:
        return f"[{s}]"

    def cases(self, node: Cases) -> str:
        pieces = [f"{self.go(v, SUM)} if {self.condition(c)}" for v, c in node.pieces]
        last = [f"{self.go(node.otherwise, SUM)} otherwise"] if node.otherwise else []
        return "{" + "; ".join(pieces + last) + "}"

    def group(self, kind: str, s: str) -> str:
        return f"({s})" if kind == "tuple" else f"[{s}]"

    def table(self, s: str) -> str:
        return "{" + s + "}"

    def named(self, key: str, value: str) -> str:
        return f"{key}={value}"

    def span(self, first: str, last: str) -> str:
        return f"{first}, …, {last}"

    def family(self, body: str, binders: str) -> str:
        return f"[{body} : {binders}]"
