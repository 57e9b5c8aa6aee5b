"""The track that is no surface: a small network on the bundled digits. · 真实数据赛道：小网络与手写数字。"""

from torch import Tensor

from ..learn import build
from ..learn.device import Device
from ..learn.feed import Feed
from ..settings import make
from .race import FAR, Evaluated, Lap, Run, running
from .racers import Racer

TARGET = 0.2
SETTINGS = {"batch_size": 64, "device": "cpu"}
OPTIONS = {"mlp": {"hidden": (32,)}, "lenet5": {}}


def on_network(seed: int, name: str = "mlp") -> Run:
    """Laps of a network: the same first weights and batches for all; the value is the running mean of the loss.

    · 网络赛道：初始权重与批次皆相同；数值为训练损失的滑动平均。
    """
    settings = make({**SETTINGS, "model": OPTIONS[name], "seed": seed})
    data = build.dataset(name, "digits", settings)
    judged = data.val or data.train
    task, feed = build.task(settings, data), Feed(data, data.train, settings)

    def run(racer: Racer, lr: float, steps: int) -> Lap:
        model = build.network(name, settings, data).train()
        params = list(model.parameters())

        def evaluate() -> Tensor:
            for p in params:
                p.grad = None
            loss = task.loss(model(x), y)
            loss.backward()
            return loss.detach()

        loss, optimizer = Evaluated(evaluate), racer.make(params, lr)
        losses, evaluations, lost = [], [], False
        for t in range(steps):
            ((x, y),) = feed.at(t)
            evaluations.append(loss.count)  # what it took to be here; the loss is that of before the update
            losses.append(float(optimizer.step(loss)))
            lost = not losses[-1] < FAR
            if lost:
                break
        values = running(losses)
        reached = next((t for t, value in enumerate(values) if value <= TARGET), None)
        accuracy = task.evaluate(model, judged, Device("cpu")).figures()["accuracy"]
        return Lap(racer, lr, tuple(values), tuple(evaluations), reached, lost, extra={"val_accuracy": accuracy})

    return run
