"""An episode of the cart, and the returns of five seeds. · 小车的一个回合，以及五个种子的回报。"""

from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from chainrule import train_seeds
from chainrule.learn.agents.run import AgentRun
from chainrule.look import moving


def draw(folder: Path) -> None:
    with TemporaryDirectory() as place:
        values = train_seeds("dqn", "cartpole", epochs=10, seeds=5, threads=1, runs=place, name="dqn")
        copyfile(AgentRun.together(values), folder / "dqn-seeds.png")
        runs = train_seeds("ppo", "cartpole", epochs=5, seeds=5, threads=1, runs=place, name="ppo")
        copyfile(AgentRun.together(runs), folder / "ppo-seeds.png")
        shown = [frame for frame, _ in runs[0].frames()]
        moving.write(shown[:160:2], folder / "cartpole.gif", 40)
