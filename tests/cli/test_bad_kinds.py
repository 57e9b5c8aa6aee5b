"""Bad input of tables, worlds, codes and few labels: through the command line, one clear line each, exit code 2.

Graphs have theirs in test_bad_graphs.py; images, settings and runs in test_bad_input.py.
"""

import sys

import numpy as np
import pytest
from PIL import Image

from chainrule.cli.main import main

WORLDS = '''
import gymnasium
import numpy as np
from gymnasium import spaces

ZERO = np.zeros(2, np.float32)


class World(gymnasium.Env):
    """Begins at zero and stays there; `fault` says what is wrong from the 40th step of an episode on."""

    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Discrete(2)

    def __init__(self, fault="", states=None, actions=None, render_mode=None):
        self.fault, self.steps, self.render_mode = fault, 0, render_mode
        self.observation_space = states or self.observation_space
        self.action_space = actions or self.action_space

    def reset(self, seed=None, options=None):
        self.steps = 0
        if self.fault == "reset raises":
            raise OSError("no power")
        return (ZERO, {}) if self.fault != "old reset" else ZERO

    def step(self, action):
        self.steps += 1
        answer = {"state": ZERO, "reward": 1.0, "terminated": False, "truncated": False, "info": {}}
        if self.steps >= 40:
            answer = self.wrong(answer)
        return tuple(answer.values())

    def wrong(self, answer):
        if self.fault == "raises":
            raise RuntimeError("the motor\\nis hot")
        if self.fault == "exits":
            raise SystemExit(3)
        if self.fault == "leaves":
            raise AssertionError("action out of range")
        given = {
            "reward nan": {"reward": float("nan")},
            "reward inf": {"reward": -float("inf")},
            "reward none": {"reward": None},
            "reward word": {"reward": "much"},
            "state nan": {"state": np.array([0, np.nan], np.float32)},
            "state short": {"state": np.zeros(1, np.float32)},
            "state none": {"state": None},
            "state word": {"state": "here"},
            "reward huge": {"reward": 1e300},
            "end word": {"terminated": "no"},
            "cut array": {"truncated": np.array([True, False])},
        }
        if self.fault == "four answers":
            del answer["truncated"]
        return answer | given.get(self.fault, {})


def world(name, **options):
    gymnasium.register(f"{name}-v0", World, max_episode_steps=60, kwargs=options, disable_env_checker=True)


for fault in (
    *("raises", "leaves", "reset raises", "old reset", "four answers", "reward nan", "reward inf", "reward none"),
    *("reward word", "state nan", "state short", "state none", "state word"),
    *("reward huge", "end word", "cut array", "exits"),
):
    world("".join(word.title() for word in fault.split()), fault=fault)
world("ManyChoices", actions=spaces.MultiDiscrete([2, 3]))
world("Switches", actions=spaces.MultiBinary(4))
world("WholeNumbers", actions=spaces.Box(0, 5, (2,), np.int64))
world("Nest", states=spaces.Dict({"a": spaces.Discrete(2)}))
world("Pair", states=spaces.Tuple((spaces.Discrete(2), spaces.Discrete(3))))
world("Pictures", states=spaces.Box(0, 255, (9, 9, 3), np.uint8))
world("Word", states=spaces.Text(5))
world("Vast", states=spaces.Discrete(20_000))
world("Box", actions=spaces.Box(-1, 1, (2,)))
world("Three", states=spaces.Box(-1, 1, (3,)))
world("Blind")
world("Idle", actions=spaces.Box(-1, 1, (0,)))
world("OneWay", actions=spaces.Discrete(1))
world("Dark", states=spaces.Box(-1, 1, (0,)))
'''

ROWS = [f"{i % 7},{i * 37 % 11},{'xyz'[i % 3]},{'in' if i % 2 else 'out'}" for i in range(40)]
TABLES = {
    "good": ["a,b,shop,y", *ROWS],
    "empty": [],
    "head": ["a,b,shop,y"],
    "few": ["a,b,shop,y", *ROWS[:5]],
    "ragged": ["a,b,shop,y", *ROWS[:20], "1,2,x"],
    "twice": ["a,a,shop,y", *ROWS],
    "constant": ["a,y", *["1,in", "1,out"] * 20],
    "one-class": ["a,y", *[f"{i},in" for i in range(20)]],
    "no-target": ["a,y", *[f"{i}," for i in range(20)]],
    "infinite": ["a,b,shop,y", *ROWS, "inf,1,x,in"],
    "only": ["y", *["in", "out"] * 20],
    "quote": ["a,b,shop,y", *ROWS, '1,2,"x,in'],
    "blind": ["a,b,shop", "1,2,x"],
    "other": ["a,shop", "1,x"],
    "words": ["a,b,shop", "one,2,x"],
    "classes": ["a,b,shop,y", "1,2,x,maybe"],
    "days": ["a,y", *[f"{i},2024-03-{i + 1:02}" for i in range(20)]],
    "no-day": ["day,y", *[f"2024-02-{i + 10},{'in' if i % 2 else 'out'}" for i in range(21)]],
    "vast": ["a,b,shop,y", *ROWS, "1e300,1,x,in"],
    "thousands": ["a;y", *[f"{i + 1},{i * 37 % 900 + 100};{'in' if i % 2 else 'out'}" for i in range(20)]],
}

TABLE = ["train", "tabular"]
Y = "data.target=y"
TABLE_CASES = {
    "table: no file": ([*TABLE, "no/such.csv", Y], "no/such.csv"),
    "table: a folder": ([*TABLE, "folder", Y], "folder: a folder: expected a table"),
    "table: empty": ([*TABLE, "empty.csv", Y], "empty.csv: an empty file"),
    "table: only a head": ([*TABLE, "head.csv", Y], "head.csv"),
    "table: few rows": ([*TABLE, "few.csv", Y], "few.csv: 5 rows with a target: expected at least 10"),
    "table: ragged": ([*TABLE, "ragged.csv", Y], "ragged.csv line 22: 3 cells: expected 4"),
    "table: a title twice": ([*TABLE, "twice.csv", Y], "twice.csv"),
    "table: nothing told": (
        [*TABLE, "constant.csv", Y],
        "no column but the target tells anything",
        "column a: the same in every row",
    ),
    "table: one class": ([*TABLE, "one-class.csv", Y], "target y: 'in' in every row"),
    "table: no target known": ([*TABLE, "no-target.csv", Y], "target y: nothing in any row"),
    "table: infinite": ([*TABLE, "infinite.csv", Y], "inf in column a"),
    "table: vast": ([*TABLE, "vast.csv", Y], "1e+300 in column a: expected a finite number of at most 1e+30"),
    "table: no day": ([*TABLE, "no-day.csv", Y], "'2024-02-30' in column day is no date"),
    "table: commas": ([*TABLE, "thousands.csv", Y], "in column a can be read in two ways, with a decimal comma or"),
    "target: days": ([*TABLE, "days.csv", Y], "target y holds dates: expected classes or numbers"),
    "check: a table twice": (["data", "check", "twice.csv"], "2 columns are called 'a'"),
    "check: a table's infinity": (["data", "check", "infinite.csv"], "inf in column a"),
    "table: nothing beside": (
        [*TABLE, "only.csv", Y],
        "one column ('y'): expected a target and something to foretell it by",
    ),
    "table: open quote": ([*TABLE, "quote.csv", Y], "quote.csv"),
    "table: bytes": ([*TABLE, "bytes.csv", Y], "bytes.csv"),
    "table: a picture": ([*TABLE, "picture.png", Y], "picture.png"),
    "table: no parquet": ([*TABLE, "broken.parquet", Y], "broken.parquet"),
    "target: typo": ([*TABLE, "good.csv", "data.target=z"], "z"),
    "target: not said": ([*TABLE, "good.csv", "data.tarqet=y"], "did you mean target?"),
    "target: skipped": ([*TABLE, "good.csv", Y, "data.skip=y"], "data.skip=y: that is the target"),
    "skip: no column": ([*TABLE, "good.csv", Y, "data.skip=c"], "column in data.skip"),
    "task: words as numbers": ([*TABLE, "good.csv", Y, "data.task=regression"], "regression"),
    "task: unknown": ([*TABLE, "good.csv", Y, "data.task=cluster"], "cluster"),
    "test: everything": ([*TABLE, "good.csv", Y, "data.test=1"], "data.test=1: expected the share"),
    "split: below zero": ([*TABLE, "good.csv", Y, "data.split=-1"], "data.split=-1: expected an integer"),
    "table: augmented": ([*TABLE, "good.csv", Y, "augment=flip"], "augment=flip: tabular has no use for it"),
    "table: width": ([*TABLE, "good.csv", Y, "model.hidden=(0,)"], "hidden"),
    "table: told twice": ([*TABLE, "good.csv", Y, "model.numbers=3"], "model.numbers: the table says it"),
    "table: loss": ([*TABLE, "good.csv", Y, "loss=l1"], "loss=l1: expected"),
    "predict: column missing": (["predict", "table", "other.csv"], "no column b"),
    "predict: word": (["predict", "table", "words.csv"], "column a holds 'one': expected a number"),
    "predict: no table": (["predict", "table", "gone.csv"], "gone.csv"),
    "evaluate: no target": (["evaluate", "table", "blind.csv"], "no column y: expected the target"),
    "evaluate: new class": (["evaluate", "table", "classes.csv"], "classes that training never saw (maybe)"),
    "sample: a table": (["sample", "table"], "table"),
    "play: a table": (["play", "table"], "a run of tabular, which plays nothing"),
}

PPO, DQN = ["train", "ppo"], ["train", "dqn"]
OWN = "gym:worlds_for_tests:"
WORLD_CASES = {
    "world: digits": ([*PPO, "digits"], "digits"),
    "world: typo": ([*PPO, "cartpol"], "did you mean cartpole"),
    "world: gymnasium's typo": ([*PPO, "gym:CartPol-v1"], "did you mean CartPole-v1"),
    "world: no name": ([*PPO, "gym:"], "gymnasium cannot make it"),
    "world: no module": ([*PPO, "gym:no_such_module:Thing-v0"], "ModuleNotFoundError"),
    "world: not registered": ([*PPO, f"{OWN}Nothing-v0"], "gymnasium cannot make it"),
    "actions: several": ([*PPO, f"{OWN}ManyChoices-v0"], "actions are MultiDiscrete"),
    "actions: switches": ([*PPO, f"{OWN}Switches-v0"], "actions are MultiBinary"),
    "actions: whole numbers": ([*PPO, f"{OWN}WholeNumbers-v0"], "actions are Box"),
    "states: a nest": ([*PPO, f"{OWN}Nest-v0"], "states are Dict"),
    "states: a pair": ([*PPO, f"{OWN}Pair-v0"], "states are Tuple"),
    "states: pictures": ([*PPO, f"{OWN}Pictures-v0"], "states are Box"),
    "states: text": ([*PPO, f"{OWN}Word-v0"], "states are Text"),
    "actions: of no number": ([*PPO, f"{OWN}Idle-v0"], "which leaves nothing to choose"),
    "actions: only one": ([*PPO, f"{OWN}OneWay-v0"], "which leaves nothing to choose"),
    "states: of no number": ([*PPO, f"{OWN}Dark-v0"], "which show nothing"),
    "states: too many": ([*PPO, f"{OWN}Vast-v0"], "Discrete up to 10,000"),
    "dqn: numbers": ([*DQN, f"{OWN}Box-v0"], "takes 2 real numbers: expected an environment with discrete actions"),
    "a network in a world": (["train", "mlp", "cartpole"], "cartpole"),
    "gamma": ([*PPO, "cartpole", "model.gamma=1.5"], "model.gamma=1.5: expected a number in [0, 1]"),
    "no worlds": ([*PPO, "cartpole", "model.envs=0"], "model.envs=0: expected an integer of at least 1"),
    "another's option": ([*PPO, "cartpole", "model.capacity=9"], "model.capacity: ppo does not take it"),
    "two at once": (
        [*DQN, "cartpole", "model.epsilon=2", "model.target=0"],
        "model.epsilon=2: expected a number in [0, 1]",
        "model.target=0: expected an integer",
    ),
    "on a card": ([*DQN, "cartpole", "device=cuda"], "device=cuda"),
    "flipped": ([*DQN, "cartpole", "augment=flip"], "augment=flip: dqn has no use for it"),
    "compiled": (["train", "reinforce", "cartpole", "compile=true"], "compile=True: reinforce learns from episodes"),
    "play: another world": (["play", "agent", f"{OWN}Three-v0"], "learned with 4"),
    "play: no picture": (["play", "agent", "--out", "episode.txt"], "episode.txt"),
    "play: no run": (["play", "nobody"], "no run 'nobody'"),
    "evaluate: another world": (["evaluate", "agent", "gym:Pendulum-v1"], "learned with 4"),
    "predict: an agent": (["predict", "agent", "picture.png"], "agent"),
}

# What shows only while it trains: the run stays, so that it can go on when the world is mended.
MIDDLE = {
    "Raises": "step raised RuntimeError: the motor is hot, at step 40 of the episode",
    "Leaves": "step raised AssertionError: action out of range, at step 40",
    "ResetRaises": "reset raised OSError: no power",
    "OldReset": "expected (state, info)",
    "FourAnswers": "step raised ValueError: not enough values to unpack (expected 5, got 4)",
    "RewardNan": "reward nan at step 40 of the episode with seed",
    "RewardInf": "reward -inf at step 40",
    "RewardNone": "reward None at step 40",
    "RewardWord": "reward 'much' at step 40",
    "RewardHuge": "reward 1e+300 at step 40",
    "EndWord": "terminated 'no' at step 40",
    "CutArray": "truncated array([ True, False]) at step 40",
    "Exits": "step raised SystemExit: 3, at step 40",
    "StateNan": "state nan at step 40",
    "StateShort": "a state of shape [1], and its space says [2]",
    "StateNone": "at step 40",
    "StateWord": "a state 'here' at step 40",
}

VAE = ["train", "vae", "digits"]
CODE_CASES = {
    "codes: shape": ([*VAE, "model.shape=(1,8,8)"], "model.shape: the data say it"),
    "codes: none": ([*VAE, "model.latent=0"], "latent=0"),
    "codes: likelihood": ([*VAE, "model.likelihood=cauchy"], "unknown likelihood 'cauchy'"),
    "codes: beta": ([*VAE, "model.beta=-1"], "beta=-1"),
    "codes: std": ([*VAE, "model.std=0"], "std=0"),
    "codes: noise": (["train", "denoising_autoencoder", "digits", "model.corruption=salt"], "corruption 'salt'"),
    "codes: halved too often": (["train", "conv_vae", "digits", "size=10"], "images of 10×10 with 2 layers"),
    "codes: a loss": ([*VAE, "loss=mse"], "loss=mse: vae has no use for it"),
    "codes: no images": (["train", "vae", "good.csv"], "good.csv"),
    "codes: no such file": (["predict", "plain", "gone.png"], "gone.png: no such file"),
    "codes: no image": (["predict", "plain", "good.csv"], "good.csv"),
    "sample: no distribution": (["sample", "plain"], "codes of no known distribution"),
    "sample: count": (["sample", "plain", "--count", "0"], "--count"),
    "sample: no png": (["sample", "plain", "--out", "x.gif"], "expected a file name that ends in .png"),
}

FEW = ["train", "lenet5", "digits"]
LABEL_CASES = {
    "labels: too many": ([*FEW, "labels=500"], "expected at most that"),
    "labels: none, others taught": ([*FEW, "unlabelled=fixmatch"], "labels"),
    "labels: unknown way": ([*FEW, "labels=4", "unlabelled=mixmatch"], "unlabelled=mixmatch"),
    "labels: below zero": ([*FEW, "labels=-1"], "labels=-1"),
    "labels: confidence": ([*FEW, "labels=4", "unlabelled=fixmatch", "confidence=2"], "confidence=2"),
    "labels: strong": ([*FEW, "labels=4", "unlabelled=fixmatch", "strong=storm"], "storm"),
    "labels: of a table": ([*TABLE, "good.csv", Y, "labels=4"], "labels=4: tabular has no use for it"),
    "labels: of codes": ([*VAE, "labels=4"], "labels=4: vae has no use for it"),
    "labels: of a text": (["train", "text_lstm", "good.csv", "labels=4"], "labels=4: text_lstm has no use for it"),
}

CASES = TABLE_CASES | CODE_CASES | LABEL_CASES


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("kinds")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.syspath_prepend(str(root))
        (root / "worlds_for_tests.py").write_text(WORLDS)
        for name, lines in TABLES.items():
            (root / f"{name}.csv").write_text("".join(f"{line}\n" for line in lines))
        (root / "bytes.csv").write_bytes(b"a,y\n\xff\xfe\x00,in\n")
        (root / "broken.parquet").write_bytes(b"PAR1 and no more")
        (root / "folder").mkdir()
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(root / "picture.png")
        small = ["epochs=1", "threads=1"]
        assert main([*TABLE, "good.csv", Y, *small, "model.hidden=(4,)", "name=table"]) == 0
        coder = ["train", "autoencoder", "digits", "size=8", "model.hidden=(4,)", "model.latent=2", "batch_size=512"]
        assert main([*coder, *small, "name=plain"]) == 0
        agent = ["model.steps=64", "model.hidden=(4,)", "model.envs=2", "model.episodes=1", "model.passes=1"]
        patch.setattr("chainrule.learn.agents.run.TESTED", 2)
        patch.setattr("chainrule.learn.agents.kind.TESTED", 2)
        assert main([*PPO, "cartpole", *small, *agent, "name=agent"]) == 0
        yield root
    sys.modules.pop("worlds_for_tests", None)


def refused(place, capsys, argv, expected):
    """One line for each thing wrong, exit code 2, and not one file more or less."""
    before = sorted(path for path in place.rglob("*") if "__pycache__" not in path.parts)
    capsys.readouterr()
    code = main(argv)
    shown = capsys.readouterr().err
    lines = shown.splitlines()
    assert code == 2, shown
    assert len(lines) == len(expected), shown
    for line, part in zip(lines, expected, strict=True):
        assert line.startswith("error: ") and part in line
    assert "internal error" not in shown
    after = sorted(path for path in place.rglob("*") if "__pycache__" not in path.parts)
    assert after == before


def test_there_are_enough_cases_beside_those_of_graphs():
    assert len(CASES) + len(WORLD_CASES) + len(MIDDLE) >= 60


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_line_for_each_error(name, place, capsys):
    argv, *expected = CASES[name]
    refused(place, capsys, argv, expected)


@pytest.mark.parametrize("name", WORLD_CASES)
def test_a_wrong_world_is_one_line(name, place, capsys):
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    argv, *expected = WORLD_CASES[name]
    refused(place, capsys, argv, expected)


@pytest.mark.parametrize("name", MIDDLE)
def test_a_world_that_fails_in_the_middle_is_one_line_and_its_run_stays(name, place, capsys):
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    words = ["epochs=1", "threads=1", "model.envs=2", "model.hidden=(4,)", "model.horizon=16", f"name={name}"]
    assert main([*PPO, f"{OWN}{name}-v0", *words]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert MIDDLE[name] in line and f"data {OWN}{name}-v0: " in line
    assert (place / "runs" / name / "log.jsonl").is_file()


def test_a_mended_world_goes_on(place, capsys, monkeypatch):
    """The run that its world broke off is taken up where its last checkpoint lies."""
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    words = ["epochs=1", "threads=1", "model.envs=2", "model.hidden=(4,)", "model.horizon=16", "model.steps=128"]
    assert main([*PPO, f"{OWN}Raises-v0", *words, "name=mended"]) == 2
    import gymnasium

    gymnasium.registry["Raises-v0"].kwargs["fault"] = ""
    monkeypatch.setattr("chainrule.learn.agents.run.TESTED", 1)
    monkeypatch.setattr("chainrule.learn.agents.kind.TESTED", 1)
    try:
        assert main(["resume", "mended"]) == 0
    finally:
        gymnasium.registry["Raises-v0"].kwargs["fault"] = "raises"
    assert "return" in capsys.readouterr().out


def test_without_the_extra_a_line_says_how_to_get_it(place, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    refused(place, capsys, [*PPO, "gym:CartPole-v1"], ["pip install 'chainrule[rl]'"])
