"""`chainrule race`: optimizers on classic surfaces and on real data, side by side. · 优化器竞赛。"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import click

from ..errors import UserError, unknown
from ..look.racers import DEFAULT, GRID, NETWORKS, TRACKS, Racer
from ..methods import OPTIMIZERS, WRAPPERS
from ..settings import WORD, join, split
from ..values import Spec, read
from .complete import race_words
from .show import console, number, on_terminal, say, table

SPECS = {
    "optimizers": Spec("text", "who races, joined by commas: adam, sam+adam, lookahead; or all", "参赛的优化器"),
    "surfaces": Spec("text", "on what, joined by commas; all of --list otherwise", "赛道"),
    "lr": Spec("text", "one rate for all, or sgd:0.01,adam:0.1; the best of a small grid otherwise", "学习率"),
    "steps": Spec("int", "of each optimizer: 400", "步数", "[1, 100000]"),
    "seed": Spec("int", "of the noise, the weights and the batches: 0", "随机种子", "[0, 9223372036854775807]"),
    "network": Spec("choice", "on the digits: mlp", "手写数字所用网络", choices=NETWORKS),
    "animation": Spec("choice", "of the paths: gif", "动画", choices=("gif", "png", "none")),
}
RATE = Spec("float", "a rate", "学习率", "(0, inf)")


@dataclass(frozen=True)
class Card:
    """What is raced. · 赛程。"""

    tracks: tuple[str, ...]
    racers: tuple[Racer, ...]
    rates: dict[Racer, float]
    steps: int
    seed: int
    network: str
    animation: str


class RaceCommand(click.Command):
    """A command whose help ends with its settings. · 帮助中列出设置。"""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Settings · 设置 (KEY=VALUE)"):
            formatter.write_dl([(key, f"{spec.en} · {spec.zh}") for key, spec in SPECS.items()])


@click.command(cls=RaceCommand, context_settings={"ignore_unknown_options": True, "max_content_width": 120})
@click.argument(
    "words", nargs=-1, type=click.UNPROCESSED, metavar="[SURFACE]... [KEY=VALUE]...", shell_complete=race_words
)
@click.option("--list", "list_", is_flag=True, help="List the tracks and the optimizers.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("race"), help="Folder of the pictures: race")
def race(words: tuple[str, ...], list_: bool, out: Path) -> None:
    """Race optimizers on classic surfaces and on the digits: table, contours with paths, animation. · 优化器竞赛。

    \b
    chainrule race rosenbrock ravine
    chainrule race optimizers=adam,sam+adam,lbfgs lr=adam:0.1 --out pictures
    """
    card = planned(list(words))
    if list_:
        list_all()
        return
    out.mkdir(parents=True, exist_ok=True)
    for track in card.tracks:
        laps = run(track, card)
        show(track, laps, card)
        for path in draw(track, laps, card, out):
            say(f"wrote {path}")
        say()
    if not card.rates:
        say(f"rates are the best of {', '.join(f'{rate:g}' for rate in sorted(GRID))}; lr= gives your own")


def planned(words: Sequence[str]) -> Card:
    """The words of a race, checked; one `UserError` with a line for each thing wrong. · 解析参数。

    >>> card = planned(["beale", "optimizers=adam,sam", "lr=adam:0.1"])
    >>> card.tracks, [str(racer) for racer in card.racers], list(card.rates.values())
    (('beale',), ['adam', 'sam+sgd'], [0.1])
    """
    joined = join(list(words))
    names = [word for word in joined if not (WORD.match(word) or word.startswith("-"))]
    pairs, errors = split([word for word in joined if word not in names])
    given: dict[str, Any] = {}
    for key, text in pairs.items():
        try:
            if key not in SPECS:
                raise unknown("setting", key, list(SPECS))
            given[key] = read(key, text, SPECS[key])
        except UserError as error:
            errors += error.lines
    tracks = [*names, *_parts(given.get("surfaces", ""))] or list(TRACKS)
    for track in dict.fromkeys(t for t in tracks if t not in TRACKS):
        errors += unknown("surface", track, list(TRACKS)).lines
    racers = _collect(errors, _named(given.get("optimizers", "")))
    rates: dict[Racer, float] = {}
    try:
        rates = _rates(given.get("lr", ""), racers)
    except UserError as error:
        errors += error.lines
    if errors:
        raise UserError(*errors)
    usual = {"steps": 400, "seed": 0, "network": NETWORKS[0], "animation": "gif"}
    own = {key: given.get(key, default) for key, default in usual.items()}
    return Card(tuple(dict.fromkeys(tracks)), tuple(dict.fromkeys(racers)), rates, **own)


def _parts(text: str) -> list[str]:
    return [part.strip().lower() for part in text.split(",") if part.strip()]


def _named(text: str) -> list[str]:
    return list(OPTIMIZERS) if text.strip().lower() == "all" else _parts(text) or list(DEFAULT)


def _collect(errors: list[str], names: Sequence[str]) -> list[Racer]:
    found = []
    for name in names:
        try:
            found.append(Racer.named(name))
        except UserError as error:
            errors += error.lines
    return found


def _rates(text: str, racers: Sequence[Racer]) -> dict[Racer, float]:
    """`0.1` for all but those that search a line, or `sgd:0.1,adam:0.01`."""
    parts = _parts(text)
    if len(parts) == 1 and ":" not in parts[0]:
        rate = read("lr", parts[0], RATE)
        return {racer: rate for racer in racers if racer.base != "lbfgs"}
    rates = {}
    for part in parts:
        name, colon, value = part.partition(":")
        if not colon:
            raise UserError(f"lr={text}: expected one rate, or NAME:RATE joined by commas")
        racer = Racer.named(name)
        if racer not in racers:
            raise UserError(f"lr={text}: {racer} does not race; expected one of {', '.join(map(str, racers))}")
        rates[racer] = read(f"lr of {racer}", value, RATE)
    return rates


def list_all() -> None:
    """The tracks and the optimizers, by name. · 列出赛道与优化器。"""
    table(["surface", "what"], [[name, f"{entry.en} · {entry.zh}"] for name, entry in TRACKS.items()])
    say()
    rows = [[name, f"{entry.en} · {entry.zh}"] for name, entry in OPTIMIZERS.items()]
    for name, entry in WRAPPERS.items():
        rows.append([f"{name}+…", f"{entry.en.partition(':')[0]}; around any of these · {entry.zh}"])
    table(["optimizer", "what"], rows)


def run(track: str, card: Card) -> list[Any]:
    """One track, with who is on it shown on a terminal. · 在一条赛道上竞赛并显示进度。"""
    from ..look.race import race as go

    how = {"steps": card.steps, "seed": card.seed, "network": card.network}
    if not on_terminal():
        return go(track, card.racers, card.rates, **how)
    with console().status(track) as status:

        def on_lap(racer: Racer) -> None:
            status.update(f"{track}  {racer}  {card.racers.index(racer) + 1}/{len(card.racers)}")

        return go(track, card.racers, card.rates, **how, on_lap=on_lap)


def show(track: str, laps: Sequence[Any], card: Card) -> None:
    """The table of a track, the fastest first. · 一条赛道的结果表。"""
    from ..look.race import target_of

    entry = TRACKS[track]
    say(f"{track}: {entry.en} · {entry.zh}", style="bold")
    say(f"target {target_of(track):g}, {card.steps} steps, seed {card.seed}")
    extra = list(laps[0].extra)
    rows = []
    for lap in sorted(laps, key=lambda lap: lap.order):
        to = ["–", "–"] if lap.reached is None else [lap.reached, lap.evaluations[lap.reached]]
        final = "lost" if lap.lost or not isfinite(lap.final) else number(float(lap.final))
        rows.append([lap.racer, f"{lap.lr:g}", *to, final, *[number(lap.extra[key], key) for key in extra]])
    table(["optimizer", ">lr", ">steps to it", ">evaluations", ">at the end", *[f">{key}" for key in extra]], rows)


def draw(track: str, laps: Sequence[Any], card: Card, out: Path) -> list[Path]:
    """The pictures of a track, and where they are. · 写出图片。"""
    from ..look import contours
    from ..look.race import target_of
    from ..look.surfaces import SURFACES

    if track not in SURFACES:
        title = f"{card.network} on digits: running mean of the loss"
        contours.losses(laps, target_of(track), out / f"{track}.png", title)
        return [out / f"{track}.png"]
    surface, written = SURFACES[track], [out / f"{track}.png"]
    contours.contours(surface, laps, written[0], track)
    if card.animation != "none":
        written.append(out / f"{track}{'-moving' if card.animation == 'png' else ''}.{card.animation}")
        contours.animation(surface, laps, written[1], track)
    return written
