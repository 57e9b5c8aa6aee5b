"""`chainrule play`: see an agent do what it learned. · 观看智能体的表现。"""

from pathlib import Path
from typing import Any

import click

from ..catalog import check_data, kind
from ..errors import UserError
from ..runfile import from_file
from ..runs.folder import RunFolder
from .complete import run_names
from .judge import weights_option
from .show import number, say


@click.command()
@click.argument("run", shell_complete=run_names)
@click.argument("data", required=False, metavar="[ENVIRONMENT]")
@click.option("--out", metavar="FILE", help="A .gif, or a .png that moves; else episode.gif in RUN/report · 动图文件.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which episode · 哪一个回合.")
@click.option("--every", type=click.IntRange(1), default=2, show_default=True, help="Draw each k-th step · 每几步一帧.")
@click.option("--most", type=click.IntRange(1), default=1000, show_default=True, help="Steps drawn at most · 最多步数.")
@weights_option
def play(run: str, data: str | None, out: str | None, seed: int, every: int, most: int, weights: str) -> None:
    """Let the agent of RUN play one episode, and draw it. · 让智能体进行一个回合并画成动图。

    It does what it holds best. The cart and its pole are drawn by chainrule, other environments by gymnasium.
    """
    folder = RunFolder.open(run)
    model = from_file(folder.run_toml)[0]
    if kind(model) != "agents":
        raise UserError(
            f"run {folder.name!r}: a run of {model}, which plays nothing; expected one of ppo, dqn, reinforce"
        )
    if data is not None:
        check_data(data)
    from ..look import moving

    path = Path(out) if out else folder.report / "episode.gif"
    moving.check_ending(path)
    from ..learn.agents.run import AgentRun

    shown, total, steps = _drawn(AgentRun(folder, weights), data, seed, every, most)
    moving.write(shown, path, 20 * every)
    say(f"episode  {path}  return {number(total)}, {steps} steps, {len(shown)} pictures")


def _drawn(agent: Any, data: str | None, seed: int, every: int, most: int) -> tuple[list[Any], float, int]:
    """Every k-th picture and the last one; the return and the steps of the whole episode."""
    shown: list[Any] = []
    picture, total, steps = None, 0.0, -1
    for picture, gained in agent.frames(seed, data):
        steps, total = steps + 1, gained
        if steps % every == 0 and steps <= most:
            shown.append(picture)
    if steps % every and steps <= most:
        shown.append(picture)
    return shown, total, steps
