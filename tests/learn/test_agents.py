"""Agents: what they make small is what the papers say, they learn, and go on bit for bit wherever they were stopped."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from killing import killed

import chainrule
from chainrule.data.environments import Discrete, Moved
from chainrule.data.environments.cartpole import CartPole
from chainrule.errors import UserError
from chainrule.learn.agents import acting
from chainrule.learn.agents.options import OPTIONS, chosen, takes
from chainrule.learn.agents.parts import Parts
from chainrule.learn.agents.policy_gradient import PolicyLoss, Rollout, even
from chainrule.learn.agents.run import AgentRun
from chainrule.learn.agents.training import Training
from chainrule.learn.agents.value_learning import Replay, ValueLoss
from chainrule.networks import MODELS
from chainrule.nn.policy import generalized_advantage, policy_gradient
from chainrule.runs.checkpoint import load
from chainrule.runs.log import read
from chainrule.settings import parse

SMALL = {"hidden": (16,), "steps": 200, "envs": 2, "episodes": 2}
FEW = {
    "ppo": SMALL | {"horizon": 16, "passes": 2},
    "reinforce": SMALL,
    "dqn": SMALL | {"horizon": 16, "updates": 8, "capacity": 150, "warm": 64, "explore": 300, "target": 5},
}
MODELS_OF_AGENTS = sorted(OPTIONS)


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setattr("chainrule.learn.agents.run.TESTED", 3)
    monkeypatch.setattr("chainrule.learn.agents.kind.TESTED", 3)

    def make(agent, source="cartpole", **values):
        few = {"epochs": 2, "threads": 1, "runs": str(tmp_path / "runs"), "batch_size": 16, "model": FEW[agent]}
        return chainrule.train(agent, source, **{**few, **values})

    return make


def parts(model, *words) -> Any:
    given = [f"model.{k}={v}" for k, v in FEW[model].items()]
    return Parts.build(model, "cartpole", parse([*given, "batch_size=16", *words]))


def state(run):
    return {k: v for k, v in load(run.folder.checkpoints).tensors.items() if not k.startswith("random/")}


def same(one, other):
    assert one.keys() == other.keys()
    return [k for k in one if not torch.equal(one[k], other[k])] == []


# ---- the mathematics ------------------------------------------------------------------------------------------------


def returns_by_hand(r, v, v_next, alive, same, gamma, lam):
    """The definition: Σ (γλ)^k · surprise, episode by episode."""
    T, n = r.shape
    A = torch.zeros(T, n, dtype=r.dtype)
    for i in range(n):
        for t in range(T):
            weight, k = 1.0, t
            while k < T:
                A[t, i] += weight * (r[k, i] + gamma * alive[k, i] * v_next[k, i] - v[k, i])
                if not same[k, i]:
                    break
                weight, k = weight * gamma * lam, k + 1
    return A


@pytest.mark.parametrize("lam", [0.0, 0.7, 1.0])
def test_advantages_are_the_sum_of_the_definition(lam):
    g = torch.Generator().manual_seed(0)
    r, v, v_next = torch.randn(3, 9, 4, generator=g, dtype=torch.float64)
    alive = (torch.rand(9, 4, generator=g) > 0.3).double()
    going = alive * (torch.rand(9, 4, generator=g) > 0.2)
    found = generalized_advantage(r, v, v_next, alive, going, 0.9, lam)
    assert torch.allclose(found, returns_by_hand(r, v, v_next, alive, going, 0.9, lam), rtol=1e-12)


def test_a_truncated_episode_counts_on_and_a_terminated_one_does_not():
    one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    given = {"r": one, "v": zero, "v_next": 10 * one, "same": zero, "gamma": 0.5, "lambd": 1.0}
    assert generalized_advantage(alive=one, **given).item() == 6.0  # truncated: 1 + 0.5 · 10
    assert generalized_advantage(alive=zero, **given).item() == 1.0  # terminated


def test_what_is_done_more_often_is_what_went_better():
    z = torch.zeros(1, 3, requires_grad=True)
    (-policy_gradient(acting.log_prob((z, torch.zeros(1)), torch.tensor([1])), torch.tensor([2.0]))).sum().backward()
    assert z.grad is not None
    assert torch.allclose(z.grad, 2 * torch.tensor([[-1 / 3, 2 / 3, -1 / 3]]))


def test_actions_are_drawn_as_often_as_the_policy_says():
    z = torch.tensor([0.2, 0.5, 0.3]).log().expand(20_000, 3)
    counts = torch.bincount(acting.draw((z, torch.zeros(20_000)), seed=3, step=7), minlength=3) / 20_000
    assert torch.allclose(counts, torch.tensor([0.2, 0.5, 0.3]), atol=0.01)
    mean, log_std = torch.full((20_000, 2), 1.5), torch.tensor([0.0, -1.0])
    drawn = acting.draw((mean, log_std, torch.zeros(20_000)), seed=3, step=7)
    assert torch.allclose(drawn.mean(0), torch.tensor([1.5, 1.5]), atol=0.02)
    assert torch.allclose(drawn.std(0), log_std.exp(), rtol=0.02)
    assert not torch.equal(acting.draw((mean, log_std, drawn), 3, 8), drawn)


def test_the_loss_of_ppo_is_policy_critic_and_entropy():
    options = chosen("ppo", parse(["model.entropy=0.1", "model.value=0.7"]))
    z, v, a = torch.randn(5, 2), torch.randn(5), torch.tensor([0, 1, 1, 0, 1])
    old, A, R = torch.randn(5) - 1, torch.randn(5), torch.randn(5)
    p = torch.distributions.Categorical(logits=z)
    ratio = (p.log_prob(a) - old).exp()
    policy = -torch.minimum(ratio * A, ratio.clamp(0.8, 1.2) * A).mean()
    expected = policy + 0.7 * ((v - R) ** 2).mean() - 0.1 * p.entropy().mean()
    assert torch.allclose(PolicyLoss(options).loss((z, v), (a, old, A, R)), expected, rtol=1e-5)


def test_the_entropy_of_a_gaussian_policy_falls_with_its_deviation_as_torchs_does():
    mean, log_std = torch.zeros(3, 2), torch.tensor([0.3, -0.7])
    theirs = torch.distributions.Normal(mean, log_std.exp()).entropy().sum(1)
    ours = acting.entropy((mean, log_std, mean[:, 0]))
    assert torch.allclose(theirs - ours, torch.full((3,), 1 + np.log(2 * np.pi).item()))


def test_even_advantages_of_one_step_stay():
    assert even(torch.tensor([3.0])).tolist() == [3.0]


def test_the_judgement_of_a_rollout_leaves_out_what_was_not_made():
    learner = parts("reinforce").learner
    told, live = Rollout(), [torch.tensor([True, True]), torch.tensor([True, False])]
    x = torch.randn(3, 2, 4)
    for t, on in enumerate(live):
        told.x.append(x[t])
        told.a.append(torch.tensor([0, 1]))
        told.live.append(on)
        over = torch.tensor([False, True]) if on[1] else torch.tensor([True, False])
        told.moved.append(Moved(x[t + 1], on.float(), over, torch.zeros(2, dtype=torch.bool)))
    x, (a, log_p, A, R) = learner.judged(told, 1.0)
    assert len(x) == len(log_p) == 3 and a.tolist() == [0, 1, 0]
    expected = torch.tensor([1 + 0.99, 1.0, 1.0])  # the whole return of each step
    assert torch.allclose(R, expected, atol=1e-5) and torch.allclose(A, expected - learner.model(x)[1], atol=1e-5)


def test_replay_holds_the_newest_and_comes_back():
    replay = Replay(5, 1)
    for k in range(4):
        x = torch.tensor([[2.0 * k], [2.0 * k + 1]])
        replay.add(x, x + 0.5, torch.tensor([k, k]), x[:, 0], torch.tensor([False, True]))
    assert sorted(replay.x[:, 0].tolist()) == [3, 4, 5, 6, 7] and replay.size == 5 and replay.made == 8
    again = Replay(5, 1)
    again.put_back(replay.keep())
    again.add(x, x, torch.tensor([9, 9]), x[:, 0], torch.tensor([True, True]))
    replay.add(x, x, torch.tensor([9, 9]), x[:, 0], torch.tensor([True, True]))
    assert same(again.keep(), replay.keep())


def test_targets_end_with_termination_and_the_network_chooses_where_the_target_judges():
    r, q, q_hat = torch.randn(6), torch.randn(6, 2), torch.randn(6, 2)
    terminated = torch.tensor([False, True] * 3)
    loss = ValueLoss(chosen("dqn", parse([])))
    double = r + 0.99 * torch.where(terminated, 0, q_hat.gather(1, q.argmax(1, keepdim=True))[:, 0])
    assert torch.allclose(loss.targets(q, r, terminated, q_hat), double)
    single = ValueLoss(chosen("dqn", parse(["model.double=false"])))
    assert torch.allclose(single.targets(q, r, terminated, q_hat), r + 0.99 * torch.where(terminated, 0, q_hat.amax(1)))


@pytest.mark.parametrize("double", [True, False])
def test_one_pass_through_the_network_is_the_loss_of_two(double):
    loss = ValueLoss(chosen("dqn", parse([f"model.double={double}", "model.huber=0.5"])))
    learner = parts("dqn", f"model.double={double}").learner
    x, after, a = torch.randn(6, 4), torch.randn(6, 4), torch.tensor([0, 1, 1, 0, 1, 0])
    r, terminated, q_hat = torch.randn(6), torch.tensor([False, True] * 3), torch.randn(6, 2)
    q = learner.model(x)
    with torch.no_grad():
        best = (learner.model(after) if double else q_hat).argmax(1)
        y = r + 0.99 * torch.where(terminated, 0, q_hat[torch.arange(6), best])
    two = torch.nn.functional.huber_loss(q[torch.arange(6), a], y, delta=0.5)
    one = loss.loss(learner.model(torch.cat([x, after]) if double else x), (a, r, terminated, q_hat))
    assert torch.allclose(one, two)
    for found, wanted in zip(
        *(torch.autograd.grad(each, list(learner.model.parameters())) for each in (one, two)), strict=True
    ):
        assert torch.allclose(found, wanted, atol=1e-6)


def test_each_update_is_judged_by_the_target_network_of_its_time():
    learner = parts("dqn").learner  # renewed every 5 of the 8 updates of a round
    learner.worlds.begin()
    made, seen = learner.update, []

    def looking(x, y):
        seen.append((torch.equal(y[3], learner.target(x[len(x) // 2 :])), learner.position.updates))
        return made(x, y)

    learner.update = looking
    for _ in range(6):
        list(learner.round())
    assert [number for _, number in seen] == list(range(len(seen))) and len(seen) >= 14
    assert all(same for same, _ in seen)


def test_exploration_falls_in_a_line():
    learner = parts("dqn").learner
    shares = []
    for step in (0, 150, 300, 900):
        learner.position.step = step
        shares.append(learner.epsilon())
    assert shares == pytest.approx([1.0, 0.52, 0.04, 0.04])


# ---- runs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS_OF_AGENTS)
def test_a_run_has_what_every_run_has_and_repeats_bit_for_bit(made, model):
    run = made(model, name="first")
    events = list(read(run.folder.log))
    assert [e["event"] for e in events if e["event"] != "step"] == ["start", "epoch", "epoch", "finish"]
    epochs = [e for e in events if e["event"] == "epoch"]
    assert [e["step"] >= 200 * e["epoch"] for e in epochs] == [True, True]
    assert all({"train_loss", "train_return", "val_return"} <= e.keys() for e in epochs)
    assert {p.name for p in run.folder.report.iterdir()} == {"report.md", "metrics.json", "curves.png"}
    stored = json.loads((run.folder.report / "metrics.json").read_text())["metrics"]
    assert stored["test_return"] == run.metrics["test_return"] == run.evaluate()["return"] > 5
    assert "| random |" in (run.folder.report / "report.md").read_text()
    assert same(state(run), state(made(model, name="again")))
    assert not same(state(run), state(made(model, name="other", seed=1)))


@pytest.mark.parametrize("model", MODELS_OF_AGENTS)
def test_a_stopped_agent_goes_on_bit_for_bit(made, model, monkeypatch):
    whole = made(model, name="whole", ema=0.9)
    go_on = Training.round

    def stopping(self, log):
        if self.position.rounds == 5:
            self.save(log)
            raise KeyboardInterrupt
        go_on(self, log)

    monkeypatch.setattr(Training, "round", stopping)
    with pytest.raises(KeyboardInterrupt):
        made(model, name="cut", ema=0.9)
    monkeypatch.undo()
    cut = chainrule.resume(whole.path.parent / "cut")
    assert same(state(whole), state(cut))
    one, other = (load(run.folder.checkpoints).state["position"] for run in (whole, cut))
    assert {k: v for k, v in one.items() if k != "seconds"} == {k: v for k, v in other.items() if k != "seconds"}


@pytest.mark.parametrize(("model", "source"), [("ppo", "gym:Pendulum-v1"), ("dqn", "gym:FrozenLake-v1")])
def test_an_agent_in_gymnasium_goes_on_bit_for_bit(made, model, source, monkeypatch):
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    few = {"epochs": 1, "model": FEW[model] | {"episodes": 1}}
    whole, go_on = made(model, source, name="whole", **few), Training.round

    def stopping(self, log):
        if self.position.rounds == 3:
            self.save(log)
            raise KeyboardInterrupt
        go_on(self, log)

    monkeypatch.setattr(Training, "round", stopping)
    with pytest.raises(KeyboardInterrupt):
        made(model, source, name="cut", **few)
    monkeypatch.undo()
    assert same(state(whole), state(chainrule.resume(whole.path.parent / "cut")))


def kill(tmp_path, model, kills):
    words = [f"model.{k}={v}" for k, v in FEW[model].items()]
    return killed(tmp_path, kills, f"{model}@cartpole", "epochs=2", *words, "batch_size=16")


def test_a_killed_agent_goes_on_bit_for_bit(tmp_path):
    assert kill(tmp_path, "dqn", 2).startswith("2 kills")


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS_OF_AGENTS)
def test_agents_go_on_after_20_kills(tmp_path, model):
    assert kill(tmp_path, model, 20).startswith("2")


def test_a_finished_run_is_extended_and_refuses_what_would_change_the_past(made):
    run = made("ppo")
    with pytest.raises(UserError, match="cannot change on resume"):
        chainrule.resume(run.path, seed=3)
    with pytest.raises(UserError, match="has trained 2 already"):
        chainrule.resume(run.path, epochs=1)
    with pytest.raises(UserError, match=r"is for images and unsupervised .*, not for agents: expected one of cartpole"):
        chainrule.resume(run.path, data="digits")
    longer = chainrule.resume(run.path, epochs=3)
    assert longer.settings.epochs == 3 and type(chainrule.open_run(run.path)) is AgentRun


def test_another_agent_begins_with_the_weights_of_a_run(made):
    run = made("dqn", name="teacher")
    pupil = made("dqn", name="pupil", epochs=1, weights=str(run.path), seed=5)
    notes = [e.get("text", "") for e in read(pupil.folder.log)]
    assert any("teacher" in line for line in notes)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["ppo", "dqn"])
def test_a_compiled_step_learns_the_same(made, model):
    plain, compiled = made(model, name="plain", epochs=1), made(model, name="compiled", epochs=1, compile=True)
    assert next(read(compiled.folder.log))["form"] == "compiled as one graph"
    one, other = state(plain), state(compiled)
    assert [k for k in one if k.startswith("model/") and not torch.allclose(one[k], other[k], atol=1e-4)] == []


def test_what_the_agent_does_and_how_it_looks(made):
    run = made("ppo", epochs=1)
    assert set(run.act(torch.randn(9, 4)).tolist()) <= {0, 1}
    pictures = list(run.frames())
    assert pictures[0][1] == 0 and pictures[-1][1] == len(pictures) - 1
    assert pictures[0][0].shape == (300, 600, 3) and (pictures[0][0] != pictures[-1][0]).any()
    found = run.episodes(2)
    assert [e.total for e in found] == [e.steps for e in found] and found == run.episodes(2)
    assert run.evaluate(split="val")["return"] > 5


def test_an_agent_of_the_own_cart_acts_in_gymnasiums(made):
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    run = made("ppo", epochs=1)
    assert run.evaluate("gym:CartPole-v1")["return"] > 5
    with pytest.raises(UserError, match=r"states of 6 numbers .* expected a world like cartpole"):
        run.evaluate("gym:Acrobot-v1")


def test_several_seeds_are_drawn_together(made):
    runs = [made("reinforce", seed=seed) for seed in (0, 1)]
    path = AgentRun.together(runs)
    assert path.name == "seeds.png" and path.stat().st_size > 10_000
    assert len(json.loads(path.with_suffix(".json").read_text())["figures"]) == 2


def test_the_catalogue_has_the_options():
    for name in OPTIONS:
        assert dict(MODELS[name].options) == takes(name)


# ---- what is wrong --------------------------------------------------------------------------------------------------

WRONG = [
    ("ppo", {"model": {"gamma": 1.5}}, "model.gamma=1.5: expected a number in [0, 1]"),
    ("ppo", {"model": {"lam": "much"}}, "model.lam='much': expected a number in [0, 1]"),
    ("ppo", {"model": {"clip": 0}}, "model.clip=0: expected a number above 0"),
    ("ppo", {"model": {"envs": 0}}, "model.envs=0: expected an integer of at least 1"),
    ("ppo", {"model": {"horizon": 2.5}}, "model.horizon=2.5: expected an integer"),
    ("ppo", {"model": {"hidden": ()}}, "model.hidden=(): expected widths of layers"),
    ("ppo", {"model": {"hidden": (8, "x")}}, "expected widths of layers, like (64, 64)"),
    ("ppo", {"model": {"activation": "rellu"}}, "did you mean relu?"),
    ("ppo", {"model": {"entropy": -1}}, "model.entropy=-1: expected a number of at least 0"),
    ("ppo", {"model": {"capacity": 9}}, "model.capacity: ppo does not take it"),
    ("dqn", {"model": {"double": "perhaps"}}, "model.double='perhaps': expected true or false"),
    ("dqn", {"model": {"epsilon": float("nan")}}, "model.epsilon=nan: expected a number in [0, 1]"),
    ("dqn", {"model": {"target": True}}, "model.target=True: expected an integer of at least 1"),
    ("dqn", {"augment": "flip"}, "augment=flip: dqn has no use for it"),
    ("dqn", {"device": "cuda"}, "device=cuda: agents learn on the processor"),
    ("dqn", {"optimizer": "lbfgs"}, "optimizer=lbfgs: it wants the same loss"),
    ("reinforce", {"compile": True}, "compile=True: reinforce learns from episodes of any length"),
    ("reinforce", {"folds": 3, "fold": 1}, "folds=3: reinforce has no use for it"),
]


@pytest.mark.parametrize(("model", "values", "says"), WRONG, ids=[f"{m} {v}" for m, v, _ in WRONG])
def test_a_wrong_setting_is_one_line_and_makes_no_run(tmp_path, model, values, says):
    with pytest.raises(UserError) as caught:
        chainrule.train(model, "cartpole", runs=str(tmp_path / "runs"), **values)
    assert any(says in line for line in caught.value.lines) and not (tmp_path / "runs").exists()


def test_all_wrong_options_are_told_at_once():
    with pytest.raises(UserError) as caught:
        chosen("ppo", parse(["model.gamma=2", "model.envs=0"]))
    assert len(caught.value.lines) == 2


@pytest.mark.parametrize("source", ["digits", "gym:NoSuchThing-v0"])
def test_data_that_is_no_world_makes_no_run(tmp_path, source):
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    with pytest.raises(UserError, match="data "):
        chainrule.train("ppo", source, runs=str(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_numbers_as_actions_are_nothing_for_dqn():
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    with pytest.raises(UserError, match="takes 1 real numbers: expected an environment with discrete actions"):
        chainrule.train("dqn", "gym:Pendulum-v1")


def test_a_world_is_no_data_for_a_network(tmp_path):
    with pytest.raises(UserError, match="cartpole"):
        chainrule.train("mlp", "cartpole", runs=str(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_a_world_that_fails_in_the_middle_leaves_a_run_that_can_go_on(made, monkeypatch):
    move, count = CartPole.move, [0]

    def failing(self, action, live):
        count[0] += 1
        after, reward, *ends = move(self, action, live)
        return after, (reward * float("nan") if count[0] == 60 else reward), *ends

    whole = made("ppo", name="whole")
    monkeypatch.setattr(CartPole, "move", failing)
    with pytest.raises(UserError, match=r"data cartpole: reward nan at step"):
        made("ppo", name="cut")
    monkeypatch.undo()
    assert same(state(whole), state(chainrule.resume(whole.path.parent / "cut")))


def test_a_loss_that_is_no_number_stops_the_run(made):
    with pytest.raises(UserError, match=r"at step \d+ \(update \d+\), first in .*: nothing was changed"):
        made("dqn", lr=1e38)


def test_a_policy_is_no_network_of_layers():
    assert Discrete(3).outputs == 3
    with pytest.raises(UserError, match="is a way of learning, and its networks depend on the environment"):
        chainrule.catalog.build_model("ppo")
