"""An episode of the cart, and the returns of five seeds. · 小车的一个回合，以及五个种子的回报。"""

from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from chainrule import train_seeds
from chainrule.learn.agents.run import AgentRun
from chainrule.look import moving

EPOCHS = {"ppo": 5, "dqn": 6}


def draw(folder: Path) -> None:
    with TemporaryDirectory() as place:
        for model, epochs in EPOCHS.items():
            runs = train_seeds(model, "cartpole", epochs=epochs, seeds=5, threads=1, runs=place, name=model)
            picture(runs, model, folder)


def picture(runs: list[AgentRun], model: str, folder: Path) -> None:
    copyfile(AgentRun.together(runs), folder / f"{model}-seeds.png")
    if model == "ppo":
        shown = [frame for frame, _ in runs[0].frames()]
        moving.write(shown[:160:2], folder / "cartpole.gif", 40)
