"""A run inside somebody's Python session: nothing of theirs is changed, and what they pass is understood or refused."""

import _thread
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import chainrule
from chainrule.errors import UserError
from chainrule.learn import stop
from chainrule.learn.run import open_run, resume, train

SMALL = {"model": {"hidden": (16,)}, "batch_size": 256, "device": "cpu", "epochs": 1}


def run(tmp_path, name="run", **values):
    return train("mlp", "digits", runs=tmp_path, name=name, **{**SMALL, **values})


def draws():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_random_states_and_threads_are_afterwards_as_before(tmp_path):
    def seed():
        random.seed(1), np.random.seed(1), torch.manual_seed(1)

    def use():
        made = run(tmp_path, threads=torch.get_num_threads() + 1)
        resume(made.path, epochs=2)
        open_run(made.path).evaluate()

    seed()
    expected, threads = draws(), torch.get_num_threads()
    seed()
    use()
    assert draws() == expected
    assert torch.get_num_threads() == threads


class Rolling(torch.nn.Module):
    """Draws from every generator there is."""

    def __init__(self):
        super().__init__()
        self.flat, self.out = torch.nn.Flatten(), torch.nn.Linear(1024, 10)

    def forward(self, x):
        noise = sum(draws()) if self.training else 0.0
        return self.out(self.flat(x)) + noise * self.out.weight.sum()


def test_one_seed_gives_one_run_whatever_the_network_draws_from(tmp_path):
    def weights(name):
        random.seed(name), np.random.seed(len(name))
        values = {**SMALL, "model": {}}
        network = train(f"{__name__}:Rolling", "digits", runs=tmp_path, name=name, **values).network
        return torch.cat([p.flatten() for p in network.parameters()])

    assert torch.equal(weights("a"), weights("of another length"))


def test_the_gear_in_force_is_taken_and_kept(tmp_path):
    with chainrule.gear("formula"):
        made = run(tmp_path)
    assert made.settings.gear == "formula"
    assert "formula" in (made.path / "run.toml").read_text()


def test_paths_numbers_and_single_files_are_taken_as_python_has_them(tmp_path):
    from PIL import Image

    picture = tmp_path / "one.png"
    Image.new("L", (32, 32)).save(picture)
    made = run(tmp_path, epochs=np.int64(1), lr=torch.tensor(0.01))
    assert len(made.predict(picture)) == len(made.predict(str(picture))) == len(made.predict([picture])) == 1
    assert resume(made.path, "epochs=2").settings.epochs == 2
    assert "mlp on digits" in repr(made)


WRONG = {
    "a network": (lambda _: train(torch.nn.Linear(2, 2), "digits"), "model: expected its name"),
    "a class": (lambda _: train(torch.nn.Linear, "digits"), "package.module:Linear"),
    "no data": (lambda _: train("mlp", None), "data: expected a name or the path"),
    "a missing path": (lambda _: train("mlp", Path("nowhere")), "there is no such path"),
    "settings as a dict": (lambda _: train("mlp", "digits", {"epochs": 1}), "expected chainrule.Settings"),
    "settings unchecked": (lambda _: train("mlp", "digits", chainrule.Settings(epochs=0)), "epochs=0: expected"),
    "a warm-up without end": (lambda _: train("mlp", "digits", epochs=2, warmup=3), "warmup=3.0: expected at most"),
    "an unknown part": (lambda made: made.evaluate(split="name"), "split='name': expected train, val or test"),
    "no class at all": (lambda made: made.predict([], topk=0), "topk=0: expected"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return run(tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_meant_is_one_line(made, name):
    call, line = WRONG[name]
    with pytest.raises(UserError) as error:
        call(made)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("again", [True, False], ids=["second", "late"])
def test_an_impatient_interrupt_never_ends_a_notebook(monkeypatch, again):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    monkeypatch.setattr(stop, "GRACE", 30.0 if again else 0.1)
    monkeypatch.setattr(stop.os, "_exit", lambda code: pytest.fail("the process would be gone"))

    def busy():
        with stop.listening("it") as request:
            _thread.interrupt_main()
            while not request:
                time.sleep(0.01)
            if again:
                _thread.interrupt_main()
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        busy()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
