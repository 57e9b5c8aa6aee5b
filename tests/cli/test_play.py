"""`chainrule play` and `evaluate` of an agent, and one clear line for each mistake."""

import json

import numpy as np
import pytest
from PIL import Image

from chainrule.cli.main import main
from chainrule.look import moving

FEW = ["model.steps=100", "model.envs=2", "model.horizon=8", "model.passes=1", "model.hidden=(8,)", "model.episodes=2"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run of an agent, and one of a network."""
    folder = tmp_path_factory.mktemp("agents")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("chainrule.learn.agents.run.TESTED", 3)
        patch.setattr("chainrule.learn.agents.kind.TESTED", 3)
        assert main(["train", "ppo", "cartpole", "epochs=1", "seeds=2", "threads=1", "name=agent", *FEW]) == 0
    (folder / "runs" / "other").mkdir(parents=True)
    (folder / "runs" / "other" / "run.toml").write_text('schema = 1\nmodel = "mlp"\ndata = "digits"\n')
    return folder


@pytest.fixture(autouse=True)
def here(place, monkeypatch):
    monkeypatch.chdir(place)


def test_seeds_are_told_together_and_drawn(place, capsys):
    assert (place / "runs" / "agent-seed1" / "report" / "seeds.png").is_file()
    assert main(["runs"]) == 0
    assert "val_return" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["episode.gif", "episode.png"])
def test_an_episode_is_a_moving_picture(name, place, capsys):
    assert main(["play", "agent-seed0", "--out", name, "--every", "3"]) == 0
    assert f"episode  {name}  return" in capsys.readouterr().out
    with Image.open(place / name) as image:
        assert image.n_frames > 2 and image.size == (600, 300)
        first = np.asarray(image.convert("RGB"))
        image.seek(image.n_frames - 1)
        assert (np.asarray(image.convert("RGB")) != first).any()


def test_without_a_name_it_lies_in_the_report(place, capsys):
    assert main(["play", "agent-seed0", "--seed", "3", "--weights", "last"]) == 0
    assert (place / "runs" / "agent-seed0" / "report" / "episode.gif").is_file()


def test_fresh_episodes_judge_it(capsys, monkeypatch):
    monkeypatch.setattr("chainrule.learn.agents.run.TESTED", 3)
    assert main(["evaluate", "agent-seed0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["return"] == told["episode_steps"] > 5 and told["return_least"] <= told["return"]


WRONG = [
    (["play", "none"], "no run 'none'"),
    (["play", "other"], "a run of mlp, which plays nothing; expected one of ppo, dqn, reinforce"),
    (["play", "agent-seed0", "--out", "x.mp4"], "expected a file name that ends in .gif, .png, .apng"),
    (["play", "agent-seed0", "--out", "no/x.gif"], "there is no folder no"),
    (["play", "agent-seed0", "cartpol"], "did you mean cartpole?"),
    (["play", "agent-seed0", "digits"], "no environment; expected cartpole"),
    (["play", "agent-seed0", "--weights", "average"], "keeps no average"),
    (["evaluate", "agent-seed0", "--split", "train"], "an agent is judged by whole episodes; expected val or test"),
    (["predict", "agent-seed0", "x.png"], "cannot predict: use `chainrule play agent-seed0"),
    (["train", "ppo", "cartpole", "model.gama=1"], "did you mean gamma?"),
    (["train", "ppo", "cartpole", "augment=flip"], "augment=flip: ppo has no use for it"),
    (["train", "pppo", "cartpole"], "did you mean ppo?"),
]


@pytest.mark.parametrize(("words", "says"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_a_mistake_is_one_line_and_code_2(words, says, capsys):
    assert main(words) == 2
    err = capsys.readouterr().err
    assert says in err and len(err.strip().splitlines()) == 1 and "Traceback" not in err


def test_nothing_is_no_moving_picture(tmp_path):
    with pytest.raises(Exception, match="expected at least one frame"):
        moving.write([], tmp_path / "x.gif")
