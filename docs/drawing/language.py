"""How far back recurrent cells remember: gradient and state over 200 steps. · 循环单元的记忆。"""

from pathlib import Path

from chainrule.look.memory import Trial, tried
from chainrule.look.memory_picture import picture


def draw(folder: Path) -> None:
    trial = Trial()
    found = [tried(cell, trial) for cell in ("rnn", "gru", "lstm", "lstm-open")]
    picture(found, folder / "memory.png", f"Adding problem over {trial.steps} steps, first weights")
