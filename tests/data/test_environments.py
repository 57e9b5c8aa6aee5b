"""Worlds of agents: the cart is gymnasium's, episodes come back, and what is wrong with a world is one line."""

import random

import numpy as np
import pytest
import torch

from chainrule.data.environments import Box, Discrete, make, play
from chainrule.data.environments.base import Environments
from chainrule.data.environments.cartpole import CartPole
from chainrule.errors import UserError


def seeds(world, episode):
    return 1000 * world + episode


@pytest.fixture(scope="module")
def gymnasium():
    return pytest.importorskip("gymnasium", reason="gymnasium is not installed")


# ---- the cart -------------------------------------------------------------------------------------------------------


def test_the_cart_is_gymnasiums_step_for_step(gymnasium):
    """Their episodes from our first states, with actions of every kind: same states, rewards and ends."""
    n, ours = 12, CartPole(12, seeds)
    ours.begin()
    theirs = [gymnasium.make("CartPole-v1") for _ in range(n)]
    chance, ends = random.Random(0), {"terminated": 0, "truncated": 0}

    def begin(i):
        theirs[i].reset(seed=0)
        theirs[i].unwrapped.state = ours.state[i].numpy().copy()

    for i in range(n):
        begin(i)
    for step in range(700):
        lean = ours.state[:, 2] + 0.5 * ours.state[:, 3] + 0.05 * ours.state[:, 0] + 0.1 * ours.state[:, 1]
        wise = (lean > 0).long()
        action = torch.where(torch.arange(n) < 6, wise, torch.tensor([chance.randrange(2) for _ in range(n)]))
        moved = ours.step(action)
        for i, world in enumerate(theirs):
            seen, reward, terminated, truncated, _ = world.step(int(action[i]))
            assert np.allclose(moved.after[i].numpy(), seen, rtol=1e-6, atol=1e-9), (step, i)
            assert (float(moved.reward[i]), bool(moved.terminated[i])) == (reward, terminated)
            assert bool(moved.truncated[i]) == truncated
            ends["terminated"] += terminated
            ends["truncated"] += truncated
            if terminated or truncated:
                begin(i)
            else:
                assert np.allclose(ours.state[i].numpy(), world.unwrapped.state, rtol=1e-12, atol=1e-13)
    assert ends["terminated"] > 50 and ends["truncated"] >= 3


def test_first_states_are_drawn_from_the_seed_alone_and_spread_evenly():
    many = CartPole(2000, seeds)
    many.begin()
    assert many.state.abs().max() < 0.05
    assert many.state.mean(0).abs().max() < 0.003
    assert (many.state.std(0) - 0.1 / 12**0.5).abs().max() < 0.001
    one = CartPole(1, lambda world, episode: 5000)
    one.begin()
    assert torch.equal(one.state[0], many.state[5])


def test_terminated_and_truncated_are_apart_and_the_last_state_is_told():
    carts = CartPole(2, seeds)
    carts.begin()
    carts.steps[0] = 499
    carts.state[1] = torch.tensor([2.39, 5.0, 0.0, 0.0])
    moved = carts.step(torch.tensor([1, 1]))
    assert moved.truncated.tolist() == [True, False] and moved.terminated.tolist() == [False, True]
    assert moved.over.tolist() == [True, True]
    assert moved.after[1, 0] > 2.4 and carts.seen[1, 0].abs() < 0.05  # the next episode has begun
    assert [(i, steps) for i, _, steps in moved.ended] == [(0, 500), (1, 1)]
    assert carts.episodes == [1, 1] and carts.steps == [0, 0]


def test_an_episode_that_falls_at_its_last_step_is_terminated_and_not_truncated():
    carts = CartPole(1, seeds)
    carts.begin()
    carts.steps[0], carts.state[0] = 499, torch.tensor([2.39, 5.0, 0.0, 0.0])
    moved = carts.step(torch.tensor([1]))
    assert moved.terminated.tolist() == [True] and moved.truncated.tolist() == [False]


def test_worlds_that_are_not_live_stand_still():
    carts = CartPole(3, seeds)
    carts.begin()
    before = carts.state.clone()
    moved = carts.step(torch.tensor([1, 1, 1]), torch.tensor([True, False, True]))
    assert torch.equal(carts.state[1], before[1]) and not torch.equal(carts.state[0], before[0])
    assert moved.reward.tolist() == [1, 0, 1] and carts.steps == [1, 0, 1]


def test_whole_episodes_do_not_depend_on_how_many_are_played_at_once():
    def wise(seen):
        return (seen[:, 2] + 0.3 * seen[:, 3] > 0).long()

    one, many = play(CartPole, range(7), wise, 1), play(CartPole, range(7), wise, 4)
    assert one == many == play(CartPole, range(7), wise, 100)
    assert [e.seed for e in one] == list(range(7)) and all(e.total == e.steps for e in one)


@pytest.mark.parametrize(
    "source", ["cartpole", "gym:CartPole-v1", "gym:Pendulum-v1", "gym:Acrobot-v1", "gym:FrozenLake-v1"]
)
def test_worlds_that_are_put_back_go_on_as_they_would_have(source, request):
    if source != "cartpole":
        request.getfixturevalue("gymnasium")
    worlds, again = make(source, 3, seeds), make(source, 3, seeds)
    chance = np.random.default_rng(0)

    def act():
        if isinstance(worlds.actions, Discrete):
            return torch.from_numpy(chance.integers(worlds.actions.n, size=3))
        return torch.from_numpy(chance.normal(size=(3, worlds.actions.outputs)))

    worlds.begin()
    for _ in range(57):
        worlds.step(act())
    again.put_back(worlds.keep())
    assert torch.equal(again.seen, worlds.seen) and again.steps == worlds.steps
    for _ in range(230):
        action = act()
        one, other = worlds.step(action), again.step(action)
        assert torch.equal(one.after, other.after) and torch.equal(one.reward, other.reward)
        assert torch.equal(one.over, other.over) and torch.equal(worlds.seen, again.seen)
    assert worlds.episodes == again.episodes
    worlds.close()
    again.close()


def test_numbers_of_a_policy_are_spread_over_the_bounds():
    box = Box((-2.0, 0.0, -float("inf")), (2.0, 1.0, float("inf")))
    placed = box.placed(torch.tensor([[0.5, 0.0, 9.0], [-3.0, 1.0, -9.0]]))
    assert placed.tolist() == [[1.0, 0.5, 9.0], [-2.0, 1.0, -9.0]]


def test_discrete_states_are_one_hot_rows(gymnasium):
    worlds = make("gym:FrozenLake-v1", 2, seeds)
    worlds.begin()
    assert worlds.size == 16 and worlds.seen.sum(1).tolist() == [1, 1]
    worlds.close()


# ---- what is wrong with a world -------------------------------------------------------------------------------------


def world(gymnasium, name, limit=9, **changed):
    """A world of one's own, registered under a name, in which one thing is not as it should be."""
    spaces = gymnasium.spaces
    plain = {
        "observation_space": spaces.Box(-1, 1, (2,)),
        "action_space": spaces.Discrete(2),
        "reset": lambda self, seed=None, options=None: (np.zeros(2, np.float32), {}),
        "step": lambda self, action: (np.zeros(2, np.float32), 1.0, False, False, {}),
    }
    made = type("Made", (gymnasium.Env,), plain | changed)
    gymnasium.register(name, made, max_episode_steps=limit)
    return f"gym:{name}"


def failing(error):
    def step(self, action):
        raise error

    return step


def giving(*answer):
    return lambda self, action: answer


ZERO = np.zeros(2, np.float32)
BROKEN = {
    "an error in the middle": (
        {"step": failing(RuntimeError("the motor\nis hot"))},
        "step raised RuntimeError: the motor is hot, at step 1",
    ),
    "a reward that is nan": (
        {"step": giving(ZERO, float("nan"), False, False, {})},
        "reward nan at step 1 of the episode",
    ),
    "a reward that is inf": ({"step": giving(ZERO, float("inf"), False, False, {})}, "reward inf at step 1"),
    "a reward that is a word": ({"step": giving(ZERO, "much", False, False, {})}, "reward 'much' at step 1"),
    "a state that is nan": ({"step": giving(np.array([0, np.nan]), 1.0, False, False, {})}, "state nan at step 1"),
    "a state of another size": (
        {"step": giving(np.zeros(3), 1.0, False, False, {})},
        "a state of shape [3], and its space says [2]",
    ),
    "a state that is a word": ({"step": giving("here", 1.0, False, False, {})}, "a state 'here' at step 1"),
    "the old four answers": (
        {"step": giving(ZERO, 1.0, False, {}), "limit": None},
        "expected (state, reward, terminated, truncated, info)",
    ),
    "the old reset": ({"reset": lambda self, seed=None, options=None: ZERO}, "expected (state, info)"),
    "an error at the start": ({"reset": failing(ValueError("no power"))}, "reset raised"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_world_that_fails_is_one_line(gymnasium, what):
    changed, says = BROKEN[what]
    source = world(gymnasium, f"Broken{what.title().replace(' ', '')}-v0", **changed)
    with pytest.raises(UserError) as caught:
        worlds = make(source, 2, seeds)
        worlds.begin()
        worlds.step(torch.tensor([0, 1]))
    assert says in str(caught.value) and len(str(caught.value).splitlines()) == 1


SPACES = {
    "many choices at once": (lambda s: {"action_space": s.MultiDiscrete([2, 3])}, "actions are MultiDiscrete"),
    "whole numbers": (lambda s: {"action_space": s.Box(0, 5, (2,), np.int64)}, "actions are Box"),
    "pictures": (lambda s: {"observation_space": s.Box(0, 255, (9, 9, 3), np.uint8)}, "states are Box"),
    "a nest": (lambda s: {"observation_space": s.Dict({"a": s.Discrete(2)})}, "states are Dict"),
}


@pytest.mark.parametrize("what", SPACES)
def test_a_world_with_other_spaces_is_refused(gymnasium, what):
    changed, says = SPACES[what]
    source = world(gymnasium, f"Space{what.title().replace(' ', '')}-v0", **changed(gymnasium.spaces))
    with pytest.raises(UserError, match="expected") as caught:
        make(source, 1, seeds)
    assert says in str(caught.value) and len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("digits", "data digits: no environment; expected cartpole, or gym:NAME"),
        ("gym:CartPol-v1", "did you mean CartPole-v1"),
        ("gym:", "gymnasium cannot make it"),
        ("gym:no_such_module:Thing-v0", "gymnasium cannot make it: ModuleNotFoundError"),
    ],
)
def test_a_name_that_is_no_world_is_one_line(gymnasium, source, says):
    with pytest.raises(UserError) as caught:
        make(source, 1, seeds)
    assert says in str(caught.value) and len(str(caught.value).splitlines()) == 1


def test_without_the_extra_a_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gymnasium", None)
    with pytest.raises(UserError, match=r"pip install 'chainrule\[rl\]'`; data cartpole needs nothing"):
        make("gym:CartPole-v1", 1, seeds)


def test_a_world_that_draws_on_its_own_cannot_be_resumed_and_says_so(gymnasium):
    def reset(self, seed=None, options=None):
        return np.random.default_rng().uniform(-1, 1, 2).astype(np.float32), {}

    source = world(gymnasium, "Fickle-v0", reset=reset)
    worlds = make(source, 1, seeds)
    worlds.begin()
    with pytest.raises(UserError, match="played again is another one: expected an environment that draws all"):
        make(source, 1, seeds).put_back(worlds.keep())


def test_an_endless_world_is_truncated(gymnasium, monkeypatch):
    monkeypatch.setattr("chainrule.data.environments.gym.LONGEST", 5)
    source = world(gymnasium, "Endless-v0", limit=None)
    worlds = make(source, 1, seeds)
    worlds.begin()
    told = [bool(worlds.step(torch.tensor([0])).truncated[0]) for _ in range(10)]
    assert told == [False] * 4 + [True] + [False] * 4 + [True]


def test_a_world_must_say_how_it_begins_and_moves():
    kind = type("Plain", (Environments,), {"source": "plain", "size": 1, "actions": Discrete(1), "limit": 1})
    plain = kind(1, seeds)
    for call in (plain.begin, lambda: plain.move(torch.zeros(1), torch.ones(1)), lambda: plain.picture(0)):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(UserError, match="0 environments: expected at least 1"):
        CartPole(0, seeds)


def test_a_world_that_cannot_be_drawn_says_why(gymnasium, monkeypatch):
    class Undrawable:
        def render(self):
            raise RuntimeError("no `pygame`")

        def close(self):
            pass

    worlds = make("gym:Acrobot-v1", 1, lambda world, episode: 0)
    monkeypatch.setattr(worlds, "worlds", [Undrawable()])
    with pytest.raises(UserError, match="data gym:Acrobot-v1: it cannot be drawn: RuntimeError: no 'pygame'"):
        worlds.picture(0)
