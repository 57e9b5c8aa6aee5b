"""Worlds of gymnasium, by name. · gymnasium 的环境。

An episode is begun anew from its seed and played again up to where it was, where a world has no state that can be
taken and put back; those of classic control have one.
"""

import importlib
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UserError
from .base import Environments, Kept, Seeds, check_count
from .spaces import Actions, Box, Discrete

LONGEST = 10_000  # steps after which an episode is truncated where the world itself has no limit
MOST = 10_000  # discrete states that are told as one-hot rows
CLASSIC = "gymnasium.envs.classic_control"


def library() -> Any:
    """gymnasium, or one line that says how to get it. · 导入 gymnasium。"""
    try:
        return importlib.import_module("gymnasium")
    except ImportError:
        raise UserError(
            "data gym:…: gymnasium is not installed: `pip install 'chainrule[rl]'`; data cartpole needs nothing"
        ) from None


def opened(name: str, **options: Any) -> Any:
    """One world by gymnasium's name, as `CartPole-v1` or `module:Name-v0`. · 按名称创建一个环境。

    Raises `UserError` for a name that gymnasium does not know and for a world that cannot be made.
    """
    gymnasium = library()
    if ":" in name and (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)  # a module of one's own, which registers its worlds
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return gymnasium.make(name, disable_env_checker=True, **options)
    except Exception as error:
        near = ""
        if isinstance(error, gymnasium.error.UnregisteredEnv | gymnasium.error.NameNotFound):
            from ...errors import did_you_mean

            near = did_you_mean(name, list(gymnasium.registry))
        why = " ".join(str(error).replace("`", "'").split())[:200]
        raise UserError(f"data gym:{name}: gymnasium cannot make it: {type(error).__name__}: {why}{near}") from error


def actions_of(space: Any, name: str) -> Actions:
    """What can be done in that space. Raises `UserError` for one that is neither discrete nor a box, and for one that
    leaves no choice. · 动作空间。
    """
    spaces = library().spaces
    none = isinstance(space, spaces.Box) and not np.prod(space.shape)
    if none or (isinstance(space, spaces.Discrete) and space.n < 2):
        raise UserError(f"data gym:{name}: actions are {space}, which leaves nothing to choose: expected two or more")
    if isinstance(space, spaces.Discrete):
        return Discrete(int(space.n))
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        return Box(*(tuple(map(float, bound.ravel())) for bound in (space.low, space.high)))
    raise UserError(f"data gym:{name}: actions are {space}: expected Discrete, or Box of real numbers")


def eyes_of(space: Any, name: str) -> tuple[int, Callable[[Any], np.ndarray]]:
    """How many numbers a state has, and how it is told in them. Raises `UserError` for a nest or pictures. · 状态。"""
    spaces = library().spaces
    if isinstance(space, spaces.Discrete) and space.n <= MOST:
        rows = np.eye(int(space.n), dtype=np.float32)
        return int(space.n), lambda state: rows[int(state) - int(space.start)]
    if isinstance(space, spaces.Box) and not np.prod(space.shape):
        raise UserError(f"data gym:{name}: states are {space}, which show nothing: expected numbers to act by")
    if isinstance(space, spaces.Box) and len(space.shape) < 3:
        size = int(np.prod(space.shape))

        def told(state: Any) -> np.ndarray:
            row = np.asarray(state, np.float32).ravel()
            if row.shape != (size,):
                raise UserError(
                    f"data gym:{name}: a state of shape {list(np.shape(state))}, and its space says "
                    f"{list(space.shape)}: mend the environment"
                )
            return row

        return size, told
    raise UserError(
        f"data gym:{name}: states are {space}: expected a Box of one or two axes, or Discrete up to {MOST:,}; wrap "
        "pictures and nests into a vector"
    )


class Gym(Environments):
    """n worlds of one name. · n 个同名环境。"""

    def __init__(self, name: str, n: int, seeds: Seeds, **options: Any):
        check_count(n)
        self.name, self.source = name, f"gym:{name}"
        self.worlds = [opened(name, **options)]
        try:
            self.actions = actions_of(self.worlds[0].action_space, name)
            self.size, self.told = eyes_of(self.worlds[0].observation_space, name)
        except UserError:
            self.close()
            raise
        self.worlds += [opened(name, **options) for _ in range(n - 1)]
        spec = self.worlds[0].spec
        self.limit = getattr(spec, "max_episode_steps", None) or LONGEST
        self.solved = getattr(spec, "reward_threshold", None)
        self.first = int(getattr(self.worlds[0].action_space, "start", 0))
        self.classic = type(self.worlds[0].unwrapped).__module__.startswith(CLASSIC)
        self.done: list[list[np.ndarray]] = [[] for _ in range(n)]  # the actions of each episode so far
        super().__init__(n, seeds)

    def _ask(self, i: int, what: str, *args: Any, **named: Any) -> Any:
        """A call into the world; what it raises is one line."""
        try:
            return getattr(self.worlds[i], what)(*args, **named)
        except (Exception, SystemExit) as error:
            why = ": ".join(filter(None, (type(error).__name__, " ".join(str(error).split())[:200])))
            raise UserError(
                f"data {self.source}: {what} raised {why}, at {self.place(i)}; the run goes on from its last "
                "checkpoint when the environment is mended"
            ) from error

    def _state(self, state: Any, i: int) -> Tensor:
        try:
            return torch.from_numpy(self.told(state))
        except (TypeError, ValueError, IndexError) as error:
            raise UserError(
                f"data {self.source}: a state {str(state)[:60]!r} at {self.place(i)}, which is not in its space "
                f"({error}): mend the environment"
            ) from error

    def reset(self, i: int, seed: int) -> Tensor:
        answer = self._ask(i, "reset", seed=seed)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise UserError(f"data {self.source}: reset gave {type(answer).__name__}: expected (state, info)")
        self.done[i] = []
        return self._state(answer[0], i)

    def acted(self, action: Tensor) -> np.ndarray:
        """The actions of a policy as the world takes them. · 转换为环境的动作。"""
        if isinstance(self.actions, Discrete):
            return action.numpy() + self.first
        return self.actions.placed(action).numpy()

    def move(self, action: Tensor, live: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        after, reward = self.seen.clone(), torch.zeros(self.n, dtype=torch.float64)
        terminated, truncated = torch.zeros(2, self.n, dtype=torch.bool)
        acts = self.acted(action)
        for i in live.nonzero()[:, 0].tolist():
            state, gained, terminated[i], truncated[i] = self._step(i, acts[i])
            after[i], reward[i] = self._state(state, i), gained
        return after, reward, terminated, truncated

    def _step(self, i: int, act: Any) -> tuple[Any, float, bool, bool]:
        space = self.worlds[i].action_space
        done = int(act) if isinstance(self.actions, Discrete) else act.astype(space.dtype).reshape(space.shape)
        if not self.classic:
            self.done[i].append(np.asarray(act))
        answer = self._ask(i, "step", done)
        if not (isinstance(answer, tuple) and len(answer) == 5):
            raise UserError(
                f"data {self.source}: step gave {type(answer).__name__}: expected (state, reward, terminated, "
                "truncated, info)"
            )
        for name, ended in zip(("terminated", "truncated"), answer[2:4], strict=True):
            if not isinstance(ended, bool | np.bool_ | int):
                raise UserError(f"data {self.source}: {name} {ended!r} at {self.place(i)}; expected True or False")
        try:
            return answer[0], float(answer[1]), bool(answer[2]), bool(answer[3])
        except (TypeError, ValueError):
            raise UserError(f"data {self.source}: reward {answer[1]!r} at {self.place(i)}; expected a number") from None

    # -- as they were ---------------------------------------------------------------------------------------------

    def keep(self) -> Kept:
        kept = super().keep()
        if self.classic:
            kept.notes["states"] = [_taken(world.unwrapped.state) for world in self.worlds]
            return kept
        for i, acts in enumerate(self.done):
            if acts:
                kept.tensors[f"acts/{i}"] = torch.from_numpy(np.stack(acts))
        return kept

    def put_back(self, kept: Kept) -> None:
        super().put_back(kept)
        steps, seen = list(self.steps), self.seen.clone()
        for i, world in enumerate(self.worlds):
            self.steps[i] = 0
            now = self.reset(i, self.seeds(i, self.episodes[i]))
            if self.classic:
                world.unwrapped.state = _given(kept.notes["states"][i])
                _count(world, steps[i])
            elif steps[i]:
                now = self._again(i, kept.tensors[f"acts/{i}"].numpy())
            if not self.classic and not torch.equal(now, seen[i]):
                raise UserError(
                    f"data {self.source}: the episode with seed {self.seeds(i, self.episodes[i])} played again is "
                    "another one: expected an environment that draws all it draws from its seed; train a new run"
                )
            self.steps[i] = steps[i]

    def _again(self, i: int, acts: np.ndarray) -> Tensor:
        state: Any = None
        for number, act in enumerate(acts):
            self.steps[i] = number
            state, *_ = self._step(i, act)
        return self._state(state, i)

    def picture(self, i: int) -> Any:
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame draws into an array, and shall seek no screen
        try:
            shown = self.worlds[i].render()
        except Exception as error:  # gymnasium's own, where pygame is missing, or the environment's
            why = " ".join(str(error).replace("`", "'").split())[:200]
            raise UserError(f"data {self.source}: it cannot be drawn: {type(error).__name__}: {why}") from error
        if not isinstance(shown, np.ndarray):
            raise UserError(f"data {self.source}: it draws {type(shown).__name__}: expected a picture (rgb_array)")
        return shown

    def close(self) -> None:
        for world in self.worlds:
            with suppress(Exception):  # nothing is left to be learned of it
                world.close()


def _taken(state: Any) -> dict[str, Any]:
    """A state of classic control as JSON: a tuple, or an array of its own dtype. · 取出状态。"""
    if isinstance(state, np.ndarray):
        return {"dtype": str(state.dtype), "values": [float(v) for v in state]}
    return {"dtypes": [np.asarray(v).dtype.str for v in state], "values": [float(v) for v in state]}


def _given(kept: dict[str, Any]) -> Any:
    if "dtype" in kept:
        return np.array(kept["values"], kept["dtype"])
    return tuple(np.dtype(d).type(v) for d, v in zip(kept["dtypes"], kept["values"], strict=True))


def _count(world: Any, steps: int) -> None:
    """The steps of the episode, where a wrapper counts them. · 恢复步数计数。"""
    while True:
        if hasattr(world, "_elapsed_steps"):
            world._elapsed_steps = steps
        if not hasattr(world, "env"):
            return
        world = world.env
