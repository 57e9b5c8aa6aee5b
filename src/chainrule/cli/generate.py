"""`chainrule generate`: a text goes on as a run has learned it. · 续写文本。"""

import sys

import click

from ..errors import UserError
from .complete import run_names
from .judge import open_checked, weights_option
from .show import clean, on_terminal

FREE = {"max_content_width": 120}


@click.command(context_settings=FREE)
@click.argument("run", shell_complete=run_names)
@click.argument("text", default="", metavar="[TEXT]")
@click.option("--tokens", type=click.IntRange(1), default=300, show_default=True, help="How many more · 续写长度.")
@click.option("--temperature", type=float, help="Below 1 surer, above 1 bolder · 温度.  [default: 1]")
@click.option("--top-k", type=int, help="Draw from the k likeliest only · 仅从最可能的 k 个中抽取.")
@click.option("--top-p", type=float, help="Draw from the fewest that have this share together · 核采样.")
@click.option("--greedy", is_flag=True, help="Always the likeliest: nothing is drawn · 贪心.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn · 随机种子.")
@weights_option
def generate(
    run: str,
    text: str,
    tokens: int,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    greedy: bool,
    seed: int,
    weights: str,
) -> None:
    """Go on with TEXT as RUN has learned it; without TEXT, begin a line. · 续写文本。

    The text appears as it is made. The same seed gives the same text. A Transformer sees data.steps tokens at most: of
    a longer TEXT it reads the last ones, and while it goes on it forgets the older half each time that they are full.
    """
    drawn = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    given = {key: value for key, value in drawn.items() if value is not None}
    if greedy and given:
        names = ", ".join(f"--{key.replace('_', '-')}" for key in given)
        raise UserError(f"--greedy and {names}: greedy decoding draws nothing; expected one of them")
    opened = open_checked(run, weights, "generate")
    from ..learn.decode import Chance

    told = opened.stream(text, tokens, Chance(seed=seed, **given), greedy)
    _write(_bold(text))
    for piece in told:
        _write(_shown(piece))
    _write("\n")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _shown(piece: str) -> str:
    """Control characters of a text do nothing to the terminal; line ends and tabs are kept."""
    return "".join(c if c in "\n\t" else clean(c) for c in piece)


def _bold(text: str) -> str:
    shown = _shown(text)
    return f"\x1b[1m{shown}\x1b[0m" if shown and on_terminal() else shown
