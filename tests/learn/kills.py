"""Train in forked children and kill them at random moments, until the run is done: a program, run by test_kill.py.

torch is loaded once and each child is a fork, so a kill costs a fraction of a second. One thread: a fork does not
survive the thread pool of OpenMP.

usage: kills.py FOLDER KILLS SEED MODEL[@DATA] key=value…; the data are the digits unless named
"""

import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import torch

torch.set_num_threads(1)

from chainrule.learn.run import resume, train  # noqa: E402
from chainrule.runs import checkpoint  # noqa: E402
from chainrule.settings import parse  # noqa: E402


def child(work) -> int:
    """Fork; the child does the work and leaves. Returns its process id."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return pid


def killed_after(pid: int, seconds: float) -> bool:
    """Whether the child was still at it after so many seconds, and was killed; else it must have ended well."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert status == 0, f"the child ended with status {status}"
            return False
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def weights(run: Path) -> dict[str, torch.Tensor]:
    last = checkpoint.load(run / "checkpoints")
    return {k: v for k, v in last.tensors.items() if not k.startswith("random/")}


def attempt(model: str, run: Path, words: list[str]):
    """What a child does next: resume the run, or begin it where the last kill came before its first checkpoint."""
    if any((run / "checkpoints").glob("step-*")):
        return lambda: resume(run)
    if run.exists():
        run.rename(run.with_name(f"{run.name}-{time.monotonic_ns()}"))
    name, _, data = model.partition("@")
    return lambda: train(name, data or "digits", parse([*words, f"name={run.name}"]))


def main(folder: str, kills: str, seed: str, model: str, *words: str) -> None:
    common = ["save_every=0", f"runs={folder}", "device=cpu", *words]
    began = time.monotonic()
    assert not killed_after(child(attempt(model, Path(folder, "whole"), common)), 600)
    whole, done, number, chance = time.monotonic() - began, 0, 0, random.Random(int(seed))
    reference = weights(Path(folder, "whole"))
    while done < int(kills):
        run, number, finished = Path(folder, f"killed-{number}"), number + 1, False
        while not finished:
            seconds = chance.uniform(0, 0.6 * whole) if done < int(kills) else 600
            finished = not killed_after(child(attempt(model, run, common)), seconds)
            done += not finished
        again = weights(run)
        assert reference.keys() == again.keys()
        different = [k for k, v in reference.items() if not torch.equal(v, again[k])]
        assert not different, f"{run.name}: not the same bits: {different}"
    print(f"{done} kills over {number} runs, {len(reference)} tensors each the same bits")


if __name__ == "__main__":
    main(*sys.argv[1:])
