"""The tree as TeX, within what KaTeX and matplotlib's mathtext both take. · KaTeX 与 mathtext 都接受的 TeX。

Only cases differ: mathtext knows no environments, so a picture gets them on one line (`pictures=True`).
"""

import re

from .render import ATOM, BIG, HADAMARD, OPEN, POWER, PREFIX, SCALE, SUM, Renderer
from .symbols import Naming, escape
from .tree import Big, Bind, Cases, Frac, Node, Pow

_FUNCTIONS = {"log", "exp", "tanh", "sin", "cos", "tan", "sinh", "cosh", "arctan", "max", "min"}
_NAMES = {"sign": "sgn", "relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "elu": "ELU"}
_CONSTANTS = {
    "∞": r"\infty",
    "π": r"\pi",
    "e": "e",
    "…": r"\ldots",
    "∗": r"\ast",
    "0": r"\mathbf{0}",
    "1": r"\mathbf{1}",
}

_TALL = re.compile(r"\\(d?frac|sum|prod|sqrt|begin|left|hat|bar|tilde|max_|min_)|\^")


def _small(s: str) -> str:
    """A fraction inside a fraction or an exponent is a small one, as TeX sets it. · 内层分式用小号。"""
    return s.replace(r"\dfrac", r"\frac")


class Tex(Renderer):
    """TeX of a tree. · 语法树的 TeX。"""

    NEG = MINUS = "-"
    PLUS, HADAMARD_SIGN, AND, OR, XOR = "+", r"\odot", r"\wedge", r"\vee", r"\oplus"
    NOT, MAPS, ELLIPSIS = r"\neg ", r"\mapsto", r"\ldots "
    RELATIONS = {
        "==": "=",
        "!=": r"\neq",
        "<": "<",
        "<=": r"\leq",
        ">": ">",
        ">=": r"\geq",
        "in": r"\in",
        "not in": r"\notin",
    }
    FRACTION_LEVEL = PREFIX
    ROOT_LEVEL = ATOM
    BIG_LEVEL = BIG
    CASES_LEVEL = OPEN  # a brace without a right side needs brackets inside anything larger

    def __init__(self, naming: Naming | None = None, pictures: bool = False):
        super().__init__(naming)
        self.pictures = pictures
        if pictures:  # mathtext sets a bare minus as between two numbers, and ⊤ apart from its letter
            self.NEG = "{-}"

    def paren(self, s: str) -> str:
        return rf"\left({s}\right)" if _TALL.search(s) else f"({s})"

    def name(self, name: str) -> str:
        return self.naming[name].latex()

    def number(self, value: float) -> tuple[str, int]:
        s = repr(value)
        if "e" not in s:
            return s.removesuffix(".0"), ATOM
        digits, exponent = s.split("e")
        power = rf"10^{{{int(exponent)}}}"
        return (power, POWER) if digits == "1" else (rf"{digits} \cdot {power}", SCALE)

    def const(self, name: str) -> str:
        return _CONSTANTS.get(name) or rf"\text{{{escape(name)}}}"

    def string(self, value: str) -> str:
        return rf"\text{{“{escape(value)}”}}"

    def juxtapose(self, a: str, b: str, kind: str) -> str:
        word = re.search(r"\\mathrm\{[^{}]*\}$", a)
        gap = r"\cdot" if b[0].isdigit() or word else r"\;" if kind == "matrix" else r"\,"
        return f"{a} {gap} {b}"

    def fraction(self, node: Frac) -> str:
        top, bottom = (_small(self.go(part)) for part in (node.top, node.bottom))
        return rf"\{'dfrac' if self.pictures else 'frac'}{{{top}}}{{{bottom}}}"

    def power(self, node: Pow) -> str:
        return rf"{{{self.go(node.base, ATOM)}}}^{{{_small(self.go(node.exponent))}}}"

    def root(self, of: Node) -> str:
        return rf"\sqrt{{{self.go(of)}}}"

    def transpose(self, s: str) -> str:
        mark = r"\mathsf{T}" if self.pictures else r"\top"
        return rf"{{{s}}}^{{{mark}}}"

    def fence(self, kind: str, s: str) -> str:
        left, right = {
            "abs": ("|", "|"),
            "len": ("|", "|"),
            "norm": (r"\Vert ", r"\Vert "),
            "floor": (r"\lfloor ", r"\rfloor "),
            "ceil": (r"\lceil ", r"\rceil "),
        }[kind]
        return rf"\left{left} {s} \right{right}"

    def operator(self, name: str, axes: str, args: str) -> str:
        if name == "sigmoid" and "σ" not in self.naming.letters():
            head = r"\sigma"
        else:
            head = f"\\{name}" if name in _FUNCTIONS else rf"\operatorname{{{escape(_NAMES.get(name, name))}}}"
        return head + (f"_{{{axes}}}" if axes else "") + self.paren(args)

    def big(self, node: Big) -> str:
        axes = self.list(node.axes)
        bound = bool(node.axes) and isinstance(node.axes[0], Bind)
        body = self.go(node.body, SUM if bound and isinstance(node.body, Big) else HADAMARD)
        return rf"\{node.kind}" + (f"_{{{axes}}}" if axes else "") + f" {body}"

    def index(self, base: str, items: str) -> str:
        return rf"{{{base}}}_{{{self.bracket(items)}}}"

    def field(self, base: str, name: str) -> str:
        return rf"{base}.\mathrm{{{escape(name)}}}"

    def bracket(self, s: str) -> str:
        return rf"\left[{s}\right]" if _TALL.search(s) else f"[{s}]"

    def cases(self, node: Cases) -> str:
        link, end, gap = (r"\;", ";", r"\quad ") if self.pictures else (" & ", r" \\", " ")
        rows = [rf"{self.go(v, SUM)}{link}\text{{if }} {self.condition(c)}" for v, c in node.pieces]
        rows += [rf"{self.go(node.otherwise, SUM)}{link}\text{{otherwise}}"] if node.otherwise else []
        inside = f"{end}{gap}".join(rows)
        if not self.pictures:
            return rf"\begin{{cases}} {inside} \end{{cases}}"
        return rf"\left\{{ {inside} \right\}}" if _TALL.search(inside) else rf"\{{ {inside} \}}"

    def group(self, kind: str, s: str) -> str:
        return self.paren(s) if kind == "tuple" else self.bracket(s)

    def table(self, s: str) -> str:
        return rf"\left\{{{s}\right\}}"

    def named(self, key: str, value: str) -> str:
        return rf"\text{{{escape(key)}}}={value}"

    def span(self, first: str, last: str) -> str:
        return rf"{first}, \ldots, {last}"

    def family(self, body: str, binders: str) -> str:
        return self.bracket(f"{body} : {binders}")
