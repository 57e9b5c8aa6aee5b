"""Code → LaTeX: brackets are right, every formula is readable, and two TeX renderers take what comes out."""

import ast
import importlib
import json
import os
import pkgutil
import random
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.mathtext import MathTextParser

import chainrule.nn
from chainrule.formula import REGISTRY
from chainrule.latex import NotMathematics, equations, legend, page
from chainrule.notation.reading import Reader
from chainrule.notation.statements import lines, names
from chainrule.notation.symbols import Naming
from chainrule.notation.tex import Tex
from chainrule.notation.text import Text
from chainrule.notation.tree import Sym, walk
from chainrule.optim.rule import RULES

for _module in pkgutil.iter_modules(chainrule.nn.__path__):
    importlib.import_module(f"chainrule.nn.{_module.name}")
CARDS = {c.name: c for c in (*REGISTRY.values(), *RULES.values()) if c.fn.__module__.startswith("chainrule.")}
MATHTEXT = MathTextParser("path")


def read(code: str, scalars: tuple[str, ...] = ("s", "r", "lr")):
    return Reader(scalars).read(ast.parse(code, mode="eval").body)


def text(code: str, **named) -> str:
    return Text().go(read(code, **named))


def tex(code: str, **named) -> str:
    return Tex().go(read(code, **named))


# ---- brackets: what is drawn is read back by two small parsers of its own and computed ------------------------------


class Parser:
    """Reads a line of mathematics back: ± loosest, then ⊙, then juxtaposition and /, then prefix −√, then ^."""

    TOKEN = ""

    def __init__(self, s: str, values: dict):
        self.tokens = [t for t in re.findall(self.TOKEN, s) if not t.isspace()]
        assert "".join(self.tokens) == re.sub(r"\s", "", s), f"unread signs in {s}"
        self.values, self.at = values, 0

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.next
        assert not expected or token in expected, f"expected {expected}, got {token!r} of {self.tokens}"
        self.at += 1
        return token

    def whole(self):
        value = self.sum()
        assert not self.next, f"left over: {self.tokens[self.at :]}"
        return value

    def sum(self):
        if self.next in self.MINUS:
            self.take()
            value = -self.hadamard()
        else:
            value = self.hadamard()
        while self.next in ("+", *self.MINUS):
            sign = self.take()
            value = value + self.hadamard() if sign == "+" else value - self.hadamard()
        return value

    def hadamard(self):
        value = self.juxtaposed()
        while self.next in ("⊙", r"\odot"):
            self.take()
            right = self.juxtaposed()
            assert np.ndim(value) and np.ndim(right), "⊙ stands between tensors"
            value = value * right
        return value

    def juxtaposed(self):
        value = self.power()
        while self.next and self.next not in ("+", *self.MINUS, "⊙", r"\odot", *self.CLOSE):
            if self.next == "/":
                self.take()
                value = value / self.power()
            else:
                if self.next in ("·", r"\cdot", r"\,", r"\;"):
                    self.take()
                right = self.power()
                value = value @ right if np.ndim(value) and np.ndim(right) else value * right
        return value


class TextParser(Parser):
    TOKEN = r"\d+(?:\.\d+)?|[A-Za-z]+|[⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ]+|\S|\s"
    MINUS, CLOSE = ("−",), (")",)

    def power(self):
        if self.next == "√":
            self.take()
            return self.atom() ** 0.5
        value = self.atom()
        if self.next == "ᵀ":
            self.take()
            return value.T
        if self.next == "^":
            self.take()
            return value ** self.atom()
        if re.fullmatch("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", self.next):
            return value ** int(self.take().translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")))
        return value

    def atom(self):
        token = self.take()
        if token == "(":
            value = self.sum()
            self.take(")")
            return value
        return self.values[token] if token in self.values else float(token)


class TexParser(Parser):
    TOKEN = r"\\left\(|\\right\)|\\[A-Za-z]+|\\[,;]|\d+(?:\.\d+)?|[A-Za-z]+|\S|\s"
    MINUS, CLOSE = ("-",), (r"\right)", ")", "}")

    def __init__(self, s: str, values: dict):
        super().__init__(s, values)
        kept, open_braces = [], []
        for i, token in enumerate(self.tokens):  # braces that are no argument are invisible: drop them
            if token == "{":
                before = kept[-1] if kept else ""
                open_braces.append(
                    before in ("^", "_", r"\frac", r"\sqrt") or (self.tokens[i - 1] == "}" and before == "}")
                )
            if token not in "{}" or (open_braces.pop() if token == "}" else open_braces[-1]):
                kept.append(token)
        self.tokens = kept

    def braced(self):
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def power(self):
        value = self.atom()
        if self.next != "^":
            return value
        self.take()
        if self.tokens[self.at : self.at + 3] == ["{", r"\top", "}"]:
            self.at += 3
            return value.T
        return value ** self.braced()

    def atom(self):
        token = self.take()
        if token in (r"\left(", "("):
            value = self.sum()
            self.take(r"\right)" if token == r"\left(" else ")")
            return value
        if token == r"\frac":
            top = self.braced()
            return top / self.braced()
        if token == r"\sqrt":
            return self.braced() ** 0.5
        return self.values[token] if token in self.values else float(token)


VALUES = {n: np.random.default_rng(i).uniform(0.5, 1.5, (2, 2)) for i, n in enumerate("abcdx")}
VALUES |= {"s": 0.7, "r": 1.3}


class Evaluated(np.ndarray):
    """numpy's arrays with torch's `.mT` and `.sqrt()`."""

    mT = property(lambda self: self.swapaxes(-1, -2))

    def sqrt(self):
        return self**0.5


def expression(rng: random.Random, depth: int) -> str:
    """A random expression over + − * / ** @, unary minus, transposes and roots, bracketed at random."""
    if depth == 0 or rng.random() < 0.12:
        return rng.choice(["a", "b", "c", "d", "x", "s", "r", "2", "3", "0.5"])
    inner = [expression(rng, depth - 1) for _ in range(2)]
    kind = rng.choice(["+", "-", "*", "/", "@", "neg", "pow", "mT", "sqrt", "-", "*", "/"])
    if kind == "neg":
        return f"(-({inner[0]}))" if rng.random() < 0.5 else f"-({inner[0]})"
    if kind == "pow":
        return f"({inner[0]})**{rng.choice(['2', '3'])}"
    if kind in ("mT", "@"):  # only matrices have these
        left, right = (rng.choice("abcdx") if rng.random() < 0.5 else f"({e} + {rng.choice('abcdx')})" for e in inner)
        return f"({left}).mT" if kind == "mT" else f"({left}) @ ({right})"
    if kind == "sqrt":
        return f"(({rng.choice('abcdx')}) * ({rng.choice('abcdx')})).sqrt()"
    bracket = ["({})", "{}"]
    left, right = (rng.choice(bracket).format(e) for e in inner)
    return f"{left} {kind} {right}"


def test_random_expressions_keep_their_value_through_both_pictures():
    rng = random.Random(0)
    values = {k: v.view(Evaluated) if np.ndim(v) else v for k, v in VALUES.items()}
    seen = 0
    with np.errstate(all="ignore"):
        while seen < 3000:
            code = expression(rng, 4)
            try:
                value = eval(code, {"__builtins__": {}}, values)
            except (TypeError, ValueError, AttributeError, ZeroDivisionError, OverflowError):
                continue  # a number where a matrix is needed
            if isinstance(value, complex) or not np.all(np.isfinite(value)) or np.max(np.abs(value)) > 1e6:
                continue
            tree = read(code)
            shown, drawn = Text().go(tree), Tex().go(tree)
            for parser, picture in ((TextParser, shown), (TexParser, drawn)):
                again = parser(picture, VALUES).whole()
                assert np.allclose(again, value, rtol=1e-6, atol=1e-9), f"{code}  →  {picture}"
            seen += 1


@pytest.mark.parametrize(("pen", "parser"), [(Text, TextParser), (Tex, TexParser)])
def test_the_parsers_notice_a_missing_bracket(pen, parser, monkeypatch):
    codes = ["a - (b - c)", "(a + b) * c", "(a * b) @ c", "(a + b) ** 2", "s * (a - b)", "(a - b).mT"]
    monkeypatch.setattr(pen, "paren", lambda self, s: s)
    for code in codes:
        right = eval(code, {"__builtins__": {}}, {k: np.asarray(v).view(Evaluated) for k, v in VALUES.items()})
        assert not np.allclose(parser(pen().go(read(code)), VALUES).whole(), right), code


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("a - (b - c)", "a − (b − c)"),
        ("a - b - c", "a − b − c"),
        ("(a / b) * c", "a/b ⊙ c"),
        ("a / (b * c)", "a/(b ⊙ c)"),
        ("a / b / c", "(a/b)/c"),
        ("a / (b / c)", "a/(b/c)"),
        ("-x**2", "−x²"),
        ("(-x)**2", "(−x)²"),
        ("a @ b @ c", "a b c"),
        ("a @ (b @ c)", "a · (b c)"),
        ("(a * b) @ c", "(a ⊙ b) c"),
        ("a * (b @ c)", "a ⊙ (b c)"),
        ("2 * a * b", "2 a ⊙ b"),
        ("a * 2", "a · 2"),
        ("2 * 3", "2 · 3"),
        ("s * (a + b)", "s · (a + b)"),
        ("(a + b) / 2", "(a + b)/2"),
        ("(a**b)**c", "(a^b)^c".replace("a^b", "aᵇ").replace("^c", "ᶜ")),
        ("a ** (b + 1)", "a^(b + 1)"),
        ("(2 * a)**2", "(2 a)²"),
        ("x.mT @ x", "xᵀ x"),
        ("(a @ b).mT", "(a b)ᵀ"),
        ("(a + b).sqrt()", "√(a + b)"),
        ("x.sqrt()**2", "(√x)²"),
        ("x.rsqrt()", "1/√x"),
        ("1e-5 * x", "10⁻⁵ x"),
        ("2.5e-7 * x", "2.5 · 10⁻⁷ x"),
        ("-x / 2", "−x/2"),
        ("a + -b", "a + (−b)"),
        ("x.sum(0)", "Σ₀(x)"),
        ("x.sum((0, 2), keepdim=True)", "Σ₀,₂(x)"),
        ("torch.sum(x, dim=-1)", "Σ₋₁(x)"),
        ("x.amax(-1, keepdim=True)", "max₋₁(x)"),
        ("torch.maximum(a, b)", "max(a, b)"),
        ("max(s, 1)", "max(s, 1)"),
        ("x.clamp(0, 6)", "min(max(x, 0), 6)"),
        ("x.clamp(min=0)", "max(x, 0)"),
        ("torch.where(a > 0, a, b)", "{a if a > 0; b otherwise}"),
        ("torch.where(a <= 0, 0, torch.where(a >= 3, 1, a / 3))", "{0 if a ≤ 0; 1 if a ≥ 3; a/3 otherwise}"),
        ("a.where(b > 0, c)", "{a if b > 0; c otherwise}"),
        ("a.masked_fill(b, 0)", "{0 if b; a otherwise}"),
        ("a if b is None else c", "{a if b = none; c otherwise}"),
        ("a * (0 < b) * (b <= c)", "a ⊙ [0 < b] ⊙ [b ≤ c]"),
        ("(0 < b < c).to(x.dtype)", "[0 < b < c]"),
        ("~(a == b)", "[a ≠ b]"),
        ("(a > 0) & ~b", "[a > 0 ∧ ¬b]"),
        ("a.abs()", "|a|"),
        ("(a - b.abs()).abs()", "abs(a − |b|)"),
        ("torch.log1p(-x)", "log(1 − x)"),
        ("[1] * s", "repeat([1], s)"),
        ("a if not len(x) else b", "{a if |x| = 0; b otherwise}"),
        ("a if not (not b) else c", "{a if b; c otherwise}"),
        ("(a,)", "(a,)"),
        ("lr * s * a", "η s a"),
        ("σ2 ** 2 + σ2", "(σ²)² + σ²"),
        ("{'a': 1, 'b': x}[k]", "{1 if k = “a”; x if k = “b”}"),
        ("f({'a': 1, 'b': x})", "f({“a” ↦ 1, “b” ↦ x})"),
        ("x[slice(None), *map(slice, sizes)]", "x[:, map(slice, sizes)…]"),
        ("s or 1", "{s if s ≠ 0; 1 otherwise}"),
        ("s and a", "{a if s ≠ 0; s otherwise}"),
        ("a if s or b else c", "{a if s ≠ 0 ∨ b; c otherwise}"),
        ("a > 0 or not (b and s)", "[a > 0 ∨ ¬(b ∧ s ≠ 0)]"),
        ("slope * s", "slope · s"),
        ("a.norm()", "‖a‖"),
        ("s // 2", "⌊s/2⌋"),
        ("(-x).exp()", "e⁻ˣ"),
        ("torch.log1p(x)", "log(1 + x)"),
        ("x.softmax(-1)", "softmax₋₁(x)"),
        ("F.softmax(x, dim=1)", "softmax₁(x)"),
        ("x.gather(-1, y[..., None])[..., 0]", "gather₋₁(x, y[…, ∗])[…, 0]"),
        ("x.flatten(0, -2)", "flatten₀,₋₂(x)"),
        ("x[:, 1:, ::2]", "x[:, 1:, ::2]"),
        ("x.transpose(-1, -2)", "xᵀ"),
        ("x.shape[0]", "size₀(x)"),
        ("f(x, beta=2, mode='sum')", "f(x, beta=2, mode=“sum”)"),
        ("sum(k * k for k in range(3))", "Σ_[k = 0, …, 2](k k)"),
        ("math.sqrt(2 / math.pi)", "√(2/π)"),
        ("float('-inf')", "−∞"),
    ],
)
def test_a_form_has_one_drawing(code, shown):
    assert text(code) == shown
    MATHTEXT.parse(f"${Tex(pictures=True).go(read(code))}$")


def test_tex_of_the_main_forms():
    assert tex("a / b * c") == r"\frac{a}{b} \odot c"
    assert tex("a**2 / (b - 1)") == r"\frac{{a}^{2}}{b - 1}"
    assert tex("(a / b)**2") == r"{\left(\frac{a}{b}\right)}^{2}"
    assert tex("a @ b.mT") == r"a \; {b}^{\top}"
    assert tex("a * torch.where(b > 0, b, c)") == (
        r"a \odot \left(\begin{cases} b & \text{if } b > 0 \\ c & \text{otherwise} \end{cases}\right)"
    )
    assert tex("(a + b).sum(0) * c") == r"\left(\sum_{0} (a + b)\right) \odot c"
    assert tex("a - b.sum(-1)") == r"a - \sum_{-1} b"


@pytest.mark.parametrize(
    ("name", "shown", "drawn"),
    [
        ("x_hat", "x̂", r"\hat{x}"),
        ("x_1", "x₁", "x_{1}"),
        ("β1", "β₁", r"\beta_{1}"),
        ("δx_hat", "δx̂", r"{\delta \hat{x}}"),
        ("δ", "δ", r"\delta"),
        ("δ_t", "δ_t", r"\delta_{t}"),
        ("weight", "W", "W"),
        ("δweight", "δW", r"{\delta W}"),
        ("h_prev", "h_prev", r"h_{\mathrm{prev}}"),
        ("W_ih", "W_ih", "W_{ih}"),
        ("xʹ", "x′", "x'"),
        ("h_tilde", "h̃", r"\tilde{h}"),
        ("exp_avg_sq", "v", "v"),
        ("running_mean", "running_mean", r"\mathrm{running\_mean}"),
        ("σ2", "σ²", r"{\sigma}^{2}"),
        ("δσ2", "δσ²", r"{\delta {\sigma}^{2}}"),
        ("Δθ", "Δθ", r"{\Delta \theta}"),
        ("c0", "c₀", "c_{0}"),
    ],
)
def test_names_become_letters(name, shown, drawn):
    letter = Naming([name])[name]
    assert (letter.text(), letter.latex()) == (shown, drawn)
    MATHTEXT.parse(f"${drawn}$")


def test_two_names_of_a_page_never_share_a_letter():
    for pair in (["weight", "W"], ["x1", "x_1"], ["exp_avg_sq", "momentum_buffer"], ["alpha", "α"], ["out", "y"]):
        naming = Naming(pair)
        assert naming[pair[0]].text() != naming[pair[1]].text()
        assert naming[pair[0]].latex() != naming[pair[1]].latex()
    naming = Naming(["weight", "W", "δweight"])
    assert naming["δweight"].text() == "δweight"  # as its base, which lost its letter to the local W


# ---- statements ----------------------------------------------------------------------------------------------------


def mean(x):
    return x.mean(-1, keepdim=True)


def everything(x, weight=None, steps=3, mode="mean", eps=1e-5):
    """Every statement that a formula may use."""
    if x.ndim == 0:
        raise ValueError("a scalar has no axis")
    (n, _), total = x.shape, 0
    if mode == "sum":
        total = x.sum()
    else:
        total = x.mean()
    for k in range(steps):
        h = x / n
        total = total + k * h
    for k in reversed(range(steps)):
        total -= k
    μ = mean(x)
    if weight is not None:
        total = total * weight
        x = x * weight
    x_hat = (x - μ) / torch.sqrt(mean((x - μ) ** 2) + eps)
    if mode == "sum":
        return total
    return x_hat * total


def test_statements_become_lines():
    shown = [line.text for line in equations(everything)]
    assert shown == [
        "((n, _), total) = (shape(x), 0)",
        "total ← {Σ(x) if mode = “sum”; mean(x) otherwise}",
        "for k = 0, …, steps − 1:",
        "  h = x/n",
        "  total ← total + k h",
        "for k = steps − 1, …, 0:",
        "  total ← total − k",
        "μ = mean(x)",
        "total ← total ⊙ W  if W ≠ none",
        "x ← x ⊙ W  if W ≠ none",
        "x̂ = (x − μ)/√(mean((x − μ)²) + ε)",
        "everything(x, W, steps, mode, ε) = {total if mode = “sum”; x̂ ⊙ total otherwise}",
    ]
    source = Path(__file__).read_text(encoding="utf-8").splitlines()
    for line in equations(everything):
        assert line.code.split("=")[0].split("(")[0].strip() in source[line.lineno - 1]


def yielding(x, mode):
    for k, n in enumerate(x.shape):
        yield k, {"up": n + 1, "down": n - 1}[mode]


def test_a_generator_contains_what_it_yields():
    assert [line.text for line in equations(yielding)] == [
        "for (k, n) ∈ enumerate(shape(x)):",
        "  yielding(x, mode) ∋ (k, {n + 1 if mode = “up”; n − 1 if mode = “down”})",
    ]


def several(x, a=2):
    if a > 1:
        y = a * x
        return y - 1
    y = x / 2
    return y, y + 1


def test_what_follows_an_early_return_is_under_the_opposite_condition():
    assert [line.text for line in equations(several, result=("p", "q"))] == [
        "y = a x  if a > 1",
        "(p, q) = y − 1  if a > 1",
        "y = x/2  if a ≤ 1",
        "p = y  if a ≤ 1",
        "q = y + 1  if a ≤ 1",
    ]


def unreadable_while(x):
    while x:
        x = x - 1
    return x


def unreadable_lambda(x):
    return (lambda y: y)(x)


def unreadable_attribute(x):
    return x.grad_fn


def unreadable_dict(x):
    return {k: k * x for k in x}


def unreadable_try(x):
    try:
        return x
    finally:
        del x


def unreadable_arity(x):
    return torch.where(x > 0)


def unreadable_shift(x):
    return x << 2


def unreadable_options(x, options):
    return F.softmax(x, **options)


@pytest.mark.parametrize("fn", [v for k, v in sorted(globals().items()) if k.startswith("unreadable_")])
def test_what_has_no_reading_is_refused_not_drawn_half_right(fn):
    with pytest.raises(NotMathematics, match="no mathematical reading"):
        equations(fn)


# ---- the registry --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CARDS))
def test_every_equation_is_drawn_and_taken_by_mathtext(name):
    sheet = page(CARDS[name])
    kinds = [s.kind for s in sheet.sections]
    assert kinds[0] in ("forward", "update")
    assert kinds.count("delta") == len(getattr(CARDS[name], "rules", ()))
    for section in sheet.sections:
        assert section.lines, f"{name}: {section.kind} {section.names} shows nothing"
        for line in section.lines:
            MATHTEXT.parse(f"${line.mathtext}$")
            assert "\n" not in line.text
            assert not re.search(r"\\", re.sub(r"[{}]", "", line.text)), line.text


@pytest.mark.parametrize("name", sorted(CARDS))
def test_every_symbol_is_in_the_legend_or_a_local(name):
    card = CARDS[name]
    sheet = page(card)
    told = {symbol for symbol, _ in sheet.legend}
    inputs = getattr(card, "inputs", None) or card.reads
    naming = Naming(inputs)
    assert all(meaning for _, meaning in sheet.legend)
    assert len(told) == len(sheet.legend)
    for section in sheet.sections:
        known = {*names(section.fn), *("δ" + n for n in section.names), *section.names}
        for equation in lines(section.fn, result=section.names if section.kind in ("forward", "update") else ()):
            used = {n.name for n in walk((equation.left, equation.right, equation.conditions)) if isinstance(n, Sym)}
            bound = {n.id for n in ast.walk(ast.parse(equation.code + (" pass" if equation.code[-1] == ":" else "")))
                     if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}  # fmt: skip
            assert used <= known | bound, f"{name}: {used - known - bound} in {equation.code}"
    assert len(told) >= len(naming.names())


def test_the_legend_reads_the_symbols_block_and_the_table_of_long_names():
    assert dict(legend(REGISTRY["linear"]))["x"] == "[*, I]"
    adam = dict(legend(RULES["Adam"]))
    assert adam["θ"] == "parameter" and "gradient" in adam["g"]
    assert all(s in adam for s in ("η", "β", "ε", "λ", "m", "v"))


def test_a_formula_shows_no_letters_of_its_neighbours():
    """Rooms list the symbols of all their formulas; several names may share one entry."""
    gelu, layer, bce = (dict(legend(REGISTRY[n])) for n in ("gelu", "layer_norm", "binary_cross_entropy_with_logits"))
    assert gelu["y"] == "out: [*]" and gelu["approximate"] == "option · 选项"
    assert layer["W"] == "weight: (γ) [C] or [D]" and layer["b"] == "bias: (β) [C] or [D]"
    assert bce["W"].endswith(bce["pos_weight"]) and "log_q" not in bce
    assert dict(legend(REGISTRY["max_pool1d_with_indices"]))["y"] == "out: [*, m]"


def test_the_canonical_equations():
    deltas = {s.names: s.lines[-1].text for s in page(REGISTRY["linear"]).sections if s.kind == "delta"}
    assert deltas["x",] == "δx = δ W"
    assert deltas["weight",] == "δW = rows(δ)ᵀ rows(x)"
    update = [line.text for line in page(RULES["AdamW"]).sections[0].lines]
    assert "m ← β₁ m + (1 − β₁) g" in update
    assert update[-1] == "θ ← θ − η m̂/(√v̂ + ε)"


KATEX = """
const katex = require('katex'); let s = '';
process.stdin.on('data', d => s += d).on('end', () => {
  for (const [where, tex] of JSON.parse(s)) {
    try { katex.renderToString(tex, {throwOnError: true, displayMode: true, strict: (code) =>
      ['unicodeTextInMathMode', 'mathVsTextUnits'].includes(code) ? 'error' : 'warn'}); }
    catch (e) { console.log(where + ': ' + e.message + ' in ' + tex); }
  }
});
"""


def test_katex_takes_every_equation(tmp_path):
    """The pages' own renderer; CHAINRULE_KATEX names a folder where `npm install katex` was run."""
    node, folder = shutil.which("node"), os.environ.get("CHAINRULE_KATEX", str(Path(__file__).parents[1]))
    if not node or subprocess.run([node, "-e", "require('katex')"], cwd=folder, capture_output=True).returncode:
        pytest.skip("node with the katex package is not here: npm install katex, and set CHAINRULE_KATEX to the folder")
    sheets = [page(card) for card in CARDS.values()]
    every = [(p.name, line.latex) for p in sheets for s in p.sections for line in s.lines]
    every += [("everything", line.latex) for line in equations(everything)]
    done = subprocess.run([node, "-e", KATEX], cwd=folder, input=json.dumps(every), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
