"""How far back recurrent cells remember: what fades and what does not, over 200 steps."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from chainrule.cli.main import main
from chainrule.errors import UserError
from chainrule.look.memory import CELLS, NAIVE, Adder, Trial, adding, measured, tried


def test_the_gradient_of_an_rnn_fades_over_200_steps_and_that_of_an_open_lstm_does_not():
    plain, opened = tried("rnn", Trial()), tried("lstm-open", Trial())
    assert plain.gradients[0] < 1e-30 and plain.reach < 20
    assert opened.gradients[0] > 0.01 and opened.reach == 199
    assert tried("lstm", Trial()).gradients[0] < 1e-30  # torch's first weights forget half of the cell each step


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_unrolled_is_the_network_and_its_gradient_is_autograds(cell):
    torch.manual_seed(0)
    network = Adder(cell, 5, 12).double()
    x, y = (t.double() for t in adding(4, 12, torch.Generator().manual_seed(1)))
    states, out = network.unrolled(x)
    torch.testing.assert_close(out, network(x))
    gradients, norms = measured(network, x, y)
    assert gradients[-1] == 1 and len(gradients) == len(norms) == 12
    assert norms[3] == pytest.approx(float(states[3][0].detach().square().sum(-1).mean().sqrt()))
    moved = []  # the derivative by the state after step 4, by hand: a nudge of each of its numbers
    for sample in range(4):
        for k in range(5 * len(states[3])):
            losses = []
            for eps in (1e-6, -1e-6):
                now = tuple(part.detach().clone() for part in states[3])
                now[k // 5][sample, k % 5] += eps
                layer_state = tuple(part[None] for part in now)
                _, last = network.layer(x[:, 4:], layer_state if len(now) > 1 else layer_state[0])
                h = last[0] if isinstance(last, tuple) else last
                losses.append(((network.out(h[0])[:, 0] - y) ** 2).mean().item())
            moved.append((losses[0] - losses[1]) / 2e-6)
    if len(states[3]) == 1:  # of an LSTM h is a function of c, and the derivative by c holds what goes through it
        ends = torch.autograd.grad(((out - y) ** 2).mean(), states[-1][0])[0].norm()
        assert gradients[3] == pytest.approx(np.linalg.norm(moved) / float(ends), rel=1e-4)


def test_always_saying_one_has_the_variance_of_the_sum():
    _, y = adding(20000, 10, torch.Generator().manual_seed(0))
    assert float(((y - 1) ** 2).mean()) == pytest.approx(NAIVE, abs=0.01)


def test_it_is_measured_after_learning_too():
    found = tried("lstm-open", Trial(steps=6, width=16, updates=200, lr=1e-2))
    assert len(found.losses) == 200 and np.mean(found.losses[-20:]) < 0.5 * NAIVE
    assert tried("gru", Trial(6, 4, updates=5)) == tried("gru", Trial(6, 4, updates=5))


def test_the_command_tells_draws_and_gives_json(capsys, tmp_path):
    path = tmp_path / "memory.png"
    words = ["memory", "rnn", "lstm-open", "--steps", "30", "--width", "8", "--png", str(path)]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "10 back" in out and "29 back" in out and f"wrote {path}" in out
    with Image.open(path) as drawn:
        assert drawn.size[0] > 800
    assert main(["memory", "gru", "--steps", "12", "--width", "4", "--updates", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == 1 and told["steps"] == 12 and len(told["cells"][0]["losses"]) == 3
    assert main([*words[:-2], "--updates", "4", "--png", str(path)]) == 0
    assert "squared error" in capsys.readouterr().out
    with Image.open(path) as drawn:
        assert drawn.size[0] > 1200


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lsmt"], "did you mean lstm"),
        (["rnn", "rnn"], "rnn: given twice"),
        (["--lr", "0"], "lr=0: expected"),
        (["--lr", "nan"], "lr=nan"),
        (["--steps", "1"], "1 is not in the range"),
        (["--png", "no/such/folder/a.png"], "there is no folder no/such/folder"),
    ],
)
def test_one_clear_line_for_each_mistake(words, message, capsys):
    assert main(["memory", *words]) == 2
    assert message in (err := capsys.readouterr().err) and "Traceback" not in err


def test_a_cell_that_is_not_known():
    with pytest.raises(UserError, match="unknown cell 'elman'"):
        tried("elman", Trial())
