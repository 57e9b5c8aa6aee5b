"""Unsupervised learning: codes of images that the images can be made of again. · 无监督学习：可还原图像的编码。

symbols  x [N, C, H, W] pixels in 0…1, inputs and targets in one   z [N, D] codes
         −ELBO = reconstruction + KL in nats an image; the loss is reconstruction + β KL
"""

from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from ...data import sampler
from ...data.dataset import DataSet, Split
from ...data.sampler import seed_of
from ...errors import UserError
from ...networks import MODELS
from ...nn.functional import sigmoid
from ...nn.variational import divergence_of, reconstruction, reparameterise
from ...settings import Settings
from .. import build
from ..device import Device
from ..facts import Facts
from ..feed import Feed
from ..looped import Looped
from ..parts import Parts
from . import latent
from .run import AutoencoderRun


@dataclass(frozen=True)
class Photographs(DataSet):
    """Images in 0…1; variational: whether their codes will be drawn. · 像素在 0…1 之间的图像。"""

    variational: bool = False


@dataclass(frozen=True)
class CodeFacts(Facts):
    """Of images whose codes are learned. · 学习编码的图像数据要点。"""

    variational: bool = False


class Pictures(Feed):
    """Batches whose targets are the images themselves. · 以图像自身为目标的批次。"""

    def _batch(self, step: int, epoch: int, indices: Tensor) -> tuple[Tensor, Tensor]:
        x, _ = super()._batch(step, epoch, indices)
        return x, x.clamp(0, 1) if self.plan else x


@dataclass(frozen=True)
class Judged:
    """A part that is judged at the end: its codes are clustered, and held against its classes. · 最终评估的部分。"""

    part: Split

    def __len__(self) -> int:
        return len(self.part)


@dataclass
class Coding:
    """What codes are worth. · 编码的质量。

    reconstruction, kl: nats an image, with one drawn code each; mse: of a pixel, from the mean code; explained: the
    share of the pixels' variance; clusters: figures of k-means on the codes. Where the network has to see through
    noise, these are of images seen through it, as in the loss, but the codes those of clean ones.

    >>> m = Coding(False)
    >>> m.add(torch.zeros(2, 1, 1, 2), torch.tensor([[[[1.0, 0.0]]], [[[0.0, 0.0]]]]), 3.0, 0.0, 3.0)
    >>> m.figures()["mse"], m.figures()["explained"]
    (0.25, -1.0)
    """

    variational: bool
    reconstruction: float = 0.0
    kl: float = 0.0
    loss: float = 0.0
    squared: float = 0.0
    count: int = 0
    total: Tensor | None = None
    power: float = 0.0
    clusters: dict[str, float] = field(default_factory=dict)

    @property
    def better(self) -> str:
        return "elbo" if self.variational else "explained"

    def add(self, shown: Tensor, x: Tensor, nats: float, kl: float, loss: float) -> None:
        """shown, x: pixels [N, C, H, W] in 0…1; the others are means over the batch."""
        shown, x = shown.double(), x.double()
        self.squared += float((shown - x).square().sum())
        self.power += float(x.square().sum())
        self.total = x.sum(0) if self.total is None else self.total + x.sum(0)
        n = len(x)
        self.reconstruction, self.kl = self.reconstruction + n * nats, self.kl + n * kl
        self.loss, self.count = self.loss + n * loss, self.count + n

    def figures(self) -> dict[str, float]:
        n = max(self.count, 1)
        total = torch.zeros(1) if self.total is None else self.total
        spread = self.power - float(total.square().sum()) / n
        told = {"loss": self.loss / n, "reconstruction": self.reconstruction / n}
        if self.variational:
            told |= {"kl": self.kl / n, "elbo": -(self.reconstruction + self.kl) / n}
        told |= {"mse": self.squared / n / max(total.numel(), 1)}
        told |= {"explained": 1 - self.squared / spread if spread > 0 else float("nan")}
        return told | self.clusters | {"count": float(self.count)}


@dataclass(frozen=True)
class Coder:
    """The loss of an autoencoder, and what is reported of it. · 自编码器的损失与指标。

    likelihood of the pixels, std of Gaussian ones, beta before the divergence, classes for judging the codes

    >>> Coder().loss((torch.zeros(1, 1, 1, 2), None, None), torch.ones(1, 1, 1, 2))
    tensor(1.3863)
    """

    likelihood: str = "bernoulli"
    beta: float = 1.0
    std: float = 0.1
    variational: bool = False
    classes: tuple[str, ...] = ()

    def loss(self, out: Any, x: Tensor) -> Tensor:
        """Reconstruction, and β times the divergence of the codes. · 重构损失加 β 倍 KL。"""
        fine: list[Any] = [part if part is None or part.dtype == torch.float64 else part.float() for part in out]
        x_hat, mean, log_var = fine
        told = reconstruction(x_hat, x, self.likelihood, self.std)
        return told if mean is None else told + self.beta * divergence_of(mean, log_var)

    def count(self, y: Tensor) -> int:
        return len(y)

    def metrics(self) -> Coding:
        return Coding(self.variational)

    @torch.no_grad()
    def evaluate(self, model: Any, split: Split | Judged, device: Device, batch_size: int = latent.BATCH) -> Coding:
        """The figures of a part; its codes are drawn by numbers that are always the same. · 评估某一部分。"""
        metrics, was_training = self.metrics(), model.training
        part = split.part if isinstance(split, Judged) else split
        codes, labels = [], []
        model.eval()
        try:
            for b in range(sampler.batches(len(part), batch_size)):
                x, y = part.batch(torch.arange(b * batch_size, min(len(part), (b + 1) * batch_size)))
                x = device.move(x)
                with device.autocast():
                    z, shown, nats, kl = self._seen(model, x, seed_of(0, b))
                    z = model.encode(x) if model.denoises else z  # the codes of images are those of clean ones
                metrics.add(shown.cpu(), x.cpu(), nats, kl, nats + self.beta * kl)
                codes.append(z.float().cpu())
                labels.append(y)
        finally:
            model.train(was_training)
        if isinstance(split, Judged) and self.classes:
            metrics.clusters = latent.clustered(torch.cat(codes), torch.cat(labels), len(self.classes))
        return metrics

    def _seen(self, model: Any, x: Tensor, seed: int) -> tuple[Tensor, Tensor, float, float]:
        """Codes, pixels made of them, reconstruction and divergence in nats an image; through noise, as it learns."""
        seen = model.seen(x, seed)
        if not model.variational:
            z = model.encode(seen)
            x_hat = model.decoder(z)
            shown = sigmoid(x_hat) if self.likelihood == "bernoulli" else x_hat.clamp(0, 1)
            return z, shown, float(reconstruction(x_hat.float(), x, self.likelihood, self.std)), 0.0
        mean, log_var = model.posterior(seen)
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed)).to(mean)
        x_hat = model.decoder(reparameterise(mean, log_var, noise)).float()
        nats = float(reconstruction(x_hat, x, self.likelihood, self.std))
        return mean, model.decode(mean), nats, float(divergence_of(mean.float(), log_var.float()))


class Unsupervised(Looped):
    """Networks that learn from images alone; classes are looked at only to judge. · 只由图像学习，类别仅用于评估。"""

    run = AutoencoderRun
    useless = (
        *("loss", "label_smoothing", "balance", "topk", "folds", "fold", "overfit"),
        *("freeze", "unfreeze", "backbone_lr", "layer_decay"),
    )

    def dataset(self, model: str, source: str, settings: Settings) -> Photographs:
        data = build.dataset(model, source, settings)
        mean, std = (0.0,) * data.shape[0], (1.0,) * data.shape[0]
        named = ("train", "val", "test")
        parts = {name: part and part.normalised(mean, std) for name in named for part in (getattr(data, name),)}
        told: dict[str, Any] = {f.name: getattr(data, f.name) for f in fields(data)}
        told |= {"mean": mean, "std": std, **parts}
        return Photographs(**told, variational="beta" in MODELS[model].options)

    def facts(self, data: Photographs) -> CodeFacts:
        return CodeFacts.of(data)

    def remembered(self, kept: dict[str, Any]) -> CodeFacts:
        return CodeFacts.from_json(kept)

    def network(self, model: str, settings: Settings, data: Photographs | CodeFacts) -> torch.nn.Module:
        if "shape" in settings.model:
            shape = "×".join(map(str, data.shape))
            raise UserError(f"model.shape: the data say it, {shape}; leave it out, or give size=")
        return build.begun(model, settings, {"shape": tuple(data.shape)} | dict(settings.model))

    def task(self, settings: Settings, data: Photographs | CodeFacts) -> Coder:
        classes = data.classes if data.task == "classification" else ()
        given = {key: settings.model[key] for key in ("likelihood", "beta", "std") if key in settings.model}
        return Coder(**given, variational=data.variational, classes=classes)

    def feed(self, data: Photographs, settings: Settings, place: str = "cpu") -> Pictures:
        return Pictures(data, data.train, settings, place)

    def fits(self, network: torch.nn.Module, parts: Parts) -> None:
        x, _ = parts.data.train.batch(torch.arange(1))
        with torch.no_grad():
            parts.task.loss(network(x), x)

    def judged(self, parts: Parts) -> dict[str, Any]:
        return {name: Judged(part) for name, part in super().judged(parts).items() if part is not None}

    def baselines(self, parts: Parts) -> dict[str, dict[str, float]]:
        judged = {name: split.part for name, split in self.judged(parts).items()}
        dim = int({**MODELS[parts.model].options, **parts.settings.model}["latent"])
        return latent.baselines(parts.data.train, judged, dim, len(parts.task.classes), parts.network)
