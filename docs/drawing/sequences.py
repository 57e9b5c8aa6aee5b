"""An RNN over time, the LSTM's gates and cell, and what they do in one that has learned to remember. · 循环网络的图。

The numbers are those of networks made here: the states of an RNN that reads a sentence, and the gates of an LSTM that
was trained to say, at the end, which of many numbers had a mark.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from chainrule import nn, train
from chainrule.data.sources import path_of
from chainrule.nn.loss import mse_loss
from chainrule.nn.lstm import gates
from chainrule.optim import Adam
from chainrule.runs import fonts, style
from chainrule.runs.style import BLUE, FAINT, INK, ORANGE

WORDS = ("a", "film", "of", "rare", "beauty")
UNITS, HIDDEN, STEPS = 6, 1, 24
VALUES = (0.8, 0.1, -0.6)
MAP = "RdBu_r"


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK, curve: float = 0
) -> None:
    axes.annotate(
        "",
        end,
        start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "lw": 1.4,
            "shrinkA": 0,
            "shrinkB": 0,
            "connectionstyle": f"arc3,rad={curve}",
        },
    )


def column(axes: Axes, x: float, y: float, values: np.ndarray, side: float = 0.3) -> None:
    """A state as a column of coloured cells: blue below 0, red above."""
    import matplotlib

    colours = matplotlib.colormaps[MAP]((np.clip(values, -1, 1) + 1) / 2)
    for i, colour in enumerate(colours):
        axes.add_patch(Rectangle((x - side / 2, y + i * side), side, side, facecolor=colour, edgecolor="white", lw=1))
    axes.add_patch(Rectangle((x - side / 2, y), side, side * len(values), fill=False, edgecolor=INK, lw=1))


def blank(width: float, height: float, limits: tuple[float, float]) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), dpi=style.DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, limits[0]), ylim=(0, limits[1]), aspect="equal")
    axes.axis("off")
    return figure, axes


def unrolled(path: Path) -> None:
    """The same weights at every time: folded at the left, unrolled at the right, with the states of a real one."""
    torch.manual_seed(3)
    embedding, rnn = nn.Embedding(len(WORDS), UNITS), nn.RNN(UNITS, UNITS)
    recurrent: Any = rnn.weight_hh_l0
    with torch.no_grad():
        recurrent.mul_(1.8)
        states = rnn(embedding(torch.arange(len(WORDS)))[:, None])[0][:, 0].numpy()
        read = np.tanh(embedding.weight.numpy())
    figure, axes = blank(9.6, 4.6, (12.6, 6.0))
    with style.of(fonts.families([])):
        top, low, side = 2.7, 0.75, 0.28
        axes.text(1.3, 5.55, "folded", ha="center", fontsize=11)
        axes.add_patch(
            FancyBboxPatch((0.85, 3.0), 0.9, 0.9, boxstyle="round,pad=0.05", facecolor="white", edgecolor=BLUE)
        )
        axes.text(1.3, 3.45, "RNN", ha="center", va="center", color=BLUE, fontsize=11)
        arrow(axes, (1.3, 1.6), (1.3, 2.93))
        axes.text(1.3, 1.3, "xₜ", ha="center", fontsize=12)
        arrow(axes, (1.3, 3.97), (1.3, 4.9))
        axes.text(1.3, 5.0, "hₜ", ha="center", fontsize=12)
        arrow(axes, (1.82, 3.7), (1.82, 3.2), ORANGE, -1.9)
        axes.text(2.62, 3.4, "hₜ₋₁", color=ORANGE, fontsize=11, va="center")
        axes.text(3.45, 3.4, "=", fontsize=20, ha="center", va="center")
        for t, (word, state) in enumerate(zip(WORDS, states, strict=True)):
            x = 4.6 + 1.7 * t
            axes.text(x, 0.25, word, ha="center", fontsize=12)
            column(axes, x, low, read[t], side * 0.7)
            arrow(axes, (x, low + UNITS * side * 0.7 + 0.05), (x, top - 0.06))
            column(axes, x, top, state, side)
            axes.text(x, top + UNITS * side + 0.16, f"h{'₁₂₃₄₅'[t]}", ha="center", fontsize=12)
            if t:
                arrow(axes, (x - 1.7 + 0.2, top + 0.84), (x - 0.2, top + 0.84), ORANGE)
                axes.text(x - 0.85, top + 0.95, "W_hh", ha="center", color=ORANGE, fontsize=9.5)
            axes.text(x + 0.1, low + UNITS * side * 0.7 + 0.22, "W_ih", color=INK, fontsize=9.5)
        axes.text(
            4.35,
            5.55,
            "unrolled: the same W_ih, W_hh and biases at every time",
            fontsize=11,
        )
        style.save(figure, path)


def cell(path: Path) -> None:
    """What an LSTM does in one step: the cell's line above, four gates below."""
    figure, axes = blank(9.6, 5.4, (12.8, 7.2))
    with style.of(fonts.families([])):
        axes.add_patch(
            FancyBboxPatch((1.9, 0.95), 9.55, 5.3, boxstyle="round,pad=0.1", facecolor="#FAFAFA", edgecolor=FAINT)
        )
        line, low = 5.5, 1.5
        arrow(axes, (0.75, line), (3.0, line), ORANGE)
        arrow(axes, (3.4, line), (5.2, line), ORANGE)
        arrow(axes, (5.6, line), (12.0, line), ORANGE)
        axes.text(0.35, line, "cₜ₋₁", va="center", ha="center", fontsize=13, color=ORANGE)
        axes.text(12.35, line, "cₜ", va="center", ha="center", fontsize=13, color=ORANGE)
        axes.text(6.9, line + 0.22, "cₜ = f ⊙ cₜ₋₁ + i ⊙ g", fontsize=11.5, color=ORANGE)
        for x, y, sign in ((3.2, line, "⊙"), (5.4, line, "+"), (5.4, 4.1, "⊙"), (9.6, 3.3, "⊙")):
            axes.add_patch(Circle((x, y), 0.2, facecolor="white", edgecolor=INK, lw=1.2, zorder=3))
            axes.text(x, y - 0.015, sign, ha="center", va="center", fontsize=12, zorder=4)
        for x, name, what in ((3.2, "f", "σ"), (4.6, "i", "σ"), (6.2, "g", "tanh"), (8.2, "o", "σ")):
            axes.add_patch(
                FancyBboxPatch(
                    (x - 0.38, 2.2), 0.76, 0.55, boxstyle="round,pad=0.04", facecolor="white", edgecolor=BLUE, lw=1.3
                )
            )
            axes.text(x, 2.47, what, ha="center", va="center", color=BLUE, fontsize=11.5)
            arrow(axes, (x, low), (x, 2.14), INK)
            axes.text(x + 0.14, 2.98, name, color=BLUE, fontsize=12.5, style="italic")
        arrow(axes, (3.2, 2.8), (3.2, line - 0.2), BLUE)
        axes.plot([4.6, 4.6], [2.8, 4.1], color=BLUE, lw=1.4)
        arrow(axes, (4.6, 4.1), (5.2, 4.1), BLUE)
        axes.plot([6.2, 6.2], [2.8, 4.1], color=BLUE, lw=1.4)
        arrow(axes, (6.2, 4.1), (5.6, 4.1), BLUE)
        arrow(axes, (5.4, 4.3), (5.4, line - 0.2), INK)
        axes.plot([8.2, 8.2], [2.8, 3.3], color=BLUE, lw=1.4)
        arrow(axes, (8.2, 3.3), (9.4, 3.3), BLUE)
        axes.plot([9.6, 9.6], [line, 4.75], color=ORANGE, lw=1.4)
        axes.add_patch(
            FancyBboxPatch(
                (9.22, 4.3), 0.76, 0.4, boxstyle="round,pad=0.04", facecolor="white", edgecolor=ORANGE, lw=1.3
            )
        )
        axes.text(9.6, 4.5, "tanh", ha="center", va="center", color=ORANGE, fontsize=10.5)
        arrow(axes, (9.6, 4.26), (9.6, 3.5), ORANGE)
        axes.plot([9.6, 9.6], [3.1, low], color=INK, lw=1.4)
        arrow(axes, (9.6, low), (12.0, low), INK)
        axes.text(12.35, low, "hₜ", va="center", ha="center", fontsize=13)
        axes.text(9.72, 2.3, "hₜ = o ⊙ tanh cₜ", fontsize=11)
        axes.plot([0.75, 8.2], [low, low], color=INK, lw=1.4)
        axes.text(0.35, low, "hₜ₋₁", va="center", ha="center", fontsize=13)
        arrow(axes, (2.4, 0.45), (2.4, low), INK)
        axes.text(2.4, 0.15, "xₜ", ha="center", fontsize=13)
        axes.text(
            6.4,
            6.75,
            "σ(W x + U h + b) opens and shuts; the cell goes straight through",
            ha="center",
            fontsize=11,
        )
        style.save(figure, path)


def remembering() -> Any:
    """An LSTM that was trained to say at the end which number stood where the mark was."""
    torch.manual_seed(1)
    lstm, head = nn.LSTM(2, HIDDEN), nn.Linear(HIDDEN, 1)
    bias: Any = lstm.bias_ih_l0
    with torch.no_grad():
        bias[HIDDEN : 2 * HIDDEN] = 1.0  # the forget gate begins open (Jozefowicz et al. 2015)
    learn = Adam([*lstm.parameters(), *head.parameters()], lr=0.03)
    for _ in range(900):
        x, wanted = numbers(64, torch.randint(1, STEPS - 1, (64,)))
        loss = mse_loss(head(lstm(x)[0][-1])[:, 0], wanted)
        learn.zero_grad()
        loss.backward()
        learn.step()
    return lstm


def numbers(n: int, marked: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """x [T, n, 2]: a number at every time, and a mark at one; the number that has it."""
    x = torch.zeros(STEPS, n, 2)
    x[..., 0] = 2 * torch.rand(STEPS, n) - 1
    x[marked, torch.arange(n), 1] = 1.0
    return x, x[marked, torch.arange(n), 0]


@torch.no_grad()
def inside(lstm: Any, x: torch.Tensor) -> dict[str, np.ndarray]:
    """Gates and cell of each unit at each time, [T, H], by the cell's own formula."""
    h, c, kept = torch.zeros(1, HIDDEN), torch.zeros(1, HIDDEN), []
    for row in x[:, :1]:
        z = row @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + h @ lstm.weight_hh_l0.T + lstm.bias_hh_l0
        i, f, g, o = gates(z)
        c = f * c + i * g
        h = o * c.tanh()
        kept.append([part[0] for part in (i, f, o, c)])
    return {name: torch.stack([row[k] for row in kept]).numpy() for k, name in enumerate(("i", "f", "o", "c"))}


def remembered(path: Path) -> None:
    """The gates of the unit that holds the number, and its cell after three of them."""
    lstm, seen, marked = remembering(), [], 7
    x, _ = numbers(1, torch.tensor([marked]))
    for value in VALUES:
        x[marked, 0, 0] = value
        seen.append(inside(lstm, x))
    unit = int(np.abs(seen[0]["c"][-1] - seen[-1]["c"][-1]).argmax())
    with style.of(fonts.families([])):
        figure = Figure(figsize=(9.6, 4.2), dpi=style.DPI)
        left, right = figure.subplots(1, 2)
        figure.subplots_adjust(left=0.06, right=0.985, top=0.92, bottom=0.12, wspace=0.16)
        t = np.arange(1, STEPS + 1)
        for name, told, colour in (
            ("f", "f, keeps", ORANGE),
            ("i", "i, lets in", BLUE),
            ("o", "o, shows", "#009E73"),
        ):
            left.plot(t, seen[0][name][:, unit], "o-", ms=3, color=colour, label=told)
        for value, cells, colour in zip(VALUES, seen, (BLUE, "#009E73", ORANGE), strict=True):
            right.plot(t, cells["c"][:, unit], "o-", ms=3, color=colour, label=f"{value:+.1f}".replace("-", "−"))
        left.set_title("gates of an LSTM of one unit", loc="left")
        right.set_title("its cell, with three numbers at the mark", loc="left")
        left.set_ylim(-0.03, 1.18)
        low, high = right.get_ylim()
        right.set_ylim(low, high + 0.2 * (high - low))
        for axes in (left, right):
            axes.axvline(marked + 1, color="#BBBBBB", lw=1, ls=":", zorder=0)
            axes.set_xlabel("time; the dotted line is the mark")
            axes.grid(True, color=FAINT, lw=0.7)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(length=0)
            axes.legend(frameon=False, ncols=3, loc="upper right")
        style.save(figure, path)


def forecast(folder: Path) -> None:
    """What a run's own report shows, on the airline passengers of Box and Jenkins."""
    home = path_of("timeseries/airline-passengers.csv")
    if home is None:
        raise SystemExit("forecast.png needs timeseries below $CHAINRULE_DATA")
    how = {"window": 24, "log": True}
    with TemporaryDirectory() as place:
        run = train("series_mlp", home, data=how, epochs=200, batch_size=32, runs=place, name="airline")
        shutil.copy(run.path / "report" / "forecast.png", folder / "forecast.png")


def draw(folder: Path) -> None:
    """The pictures of docs/sequences.md. · 画出各图。"""
    unrolled(folder / "rnn-unrolled.png")
    cell(folder / "lstm-cell.png")
    remembered(folder / "lstm-gates.png")
    forecast(folder)
