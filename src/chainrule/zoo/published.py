"""Published weights: where they lie and how their sha256 begins. · 已发布的权重：地址与校验值。

No torch here, and no network: `fetch` is the only thing that reaches out, and only when asked to. The sha256's first
eight digits are part of each file's name, as its publishers give it; the whole sum is published nowhere.
"""

import hashlib
import http.client
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..data.download import open_url
from ..data.names import show
from ..data.sources import places
from ..errors import UserError, unknown

CHUNK = 1 << 20
TORCHVISION = "https://download.pytorch.org/models/"
AKAMASTER = "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/"


@dataclass(frozen=True)
class Published:
    """A file of weights for one of our models. · 某模型的已发布权重。

    megabytes about how large; accuracy in per cent, as published; on the data set of that name
    """

    model: str
    url: str
    megabytes: float
    accuracy: float
    data: str

    @property
    def file(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def begins(self) -> str:
        """The first eight digits of its sha256. · sha256 的前八位。

        >>> WEIGHTS["resnet50"].begins
        '11ad3fa6'
        """
        return self.file.rpartition("-")[2].partition(".")[0]


# torchvision 0.28.0, the default weights of each model: file, megabytes, top-1 accuracy on ImageNet.
_IMAGENET = {
    "alexnet": ("alexnet-owt-7be5be79.pth", 233.1, 56.522),
    "vgg11": ("vgg11-8a719046.pth", 506.8, 69.02),
    "vgg11_bn": ("vgg11_bn-6002323d.pth", 506.9, 70.37),
    "vgg13": ("vgg13-19584684.pth", 507.5, 69.928),
    "vgg13_bn": ("vgg13_bn-abd245e5.pth", 507.6, 71.586),
    "vgg16": ("vgg16-397923af.pth", 527.8, 71.592),
    "vgg16_bn": ("vgg16_bn-6c64b313.pth", 527.9, 73.36),
    "vgg19": ("vgg19-dcbb9e9d.pth", 548.1, 72.376),
    "vgg19_bn": ("vgg19_bn-c79401a0.pth", 548.1, 74.218),
    "resnet18": ("resnet18-f37072fd.pth", 44.7, 69.758),
    "resnet34": ("resnet34-b627a593.pth", 83.3, 73.314),
    "resnet50": ("resnet50-11ad3fa6.pth", 97.8, 80.858),
    "resnet101": ("resnet101-cd907fc2.pth", 170.5, 81.886),
    "resnet152": ("resnet152-f82ba261.pth", 230.5, 82.284),
    "resnext50_32x4d": ("resnext50_32x4d-1a0047aa.pth", 95.8, 81.198),
    "resnext101_32x8d": ("resnext101_32x8d-110c445d.pth", 339.7, 82.834),
    "resnext101_64x4d": ("resnext101_64x4d-173b62eb.pth", 319.3, 83.246),
    "wide_resnet50_2": ("wide_resnet50_2-9ba9bcbe.pth", 263.1, 81.602),
    "wide_resnet101_2": ("wide_resnet101_2-d733dc28.pth", 484.7, 82.51),
    "mobilenet_v2": ("mobilenet_v2-7ebf99e0.pth", 13.6, 72.154),
    "mobilenet_v3_large": ("mobilenet_v3_large-5c1a4163.pth", 21.1, 75.274),
    "mobilenet_v3_small": ("mobilenet_v3_small-047dcff4.pth", 9.8, 67.668),
    "efficientnet_b0": ("efficientnet_b0_rwightman-7f5810bc.pth", 20.5, 77.692),
    "efficientnet_b1": ("efficientnet_b1-c27df63c.pth", 30.1, 79.838),
    "efficientnet_b2": ("efficientnet_b2_rwightman-c35c1473.pth", 35.2, 80.608),
    "efficientnet_b3": ("efficientnet_b3_rwightman-b3899882.pth", 47.2, 82.008),
    "efficientnet_b4": ("efficientnet_b4_rwightman-23ab8bcd.pth", 74.5, 83.384),
    "efficientnet_b5": ("efficientnet_b5_lukemelas-1a07897c.pth", 116.9, 83.444),
    "efficientnet_b6": ("efficientnet_b6_lukemelas-24a108a5.pth", 165.4, 84.008),
    "efficientnet_b7": ("efficientnet_b7_lukemelas-c5b4e57e.pth", 254.7, 84.122),
    "efficientnet_v2_s": ("efficientnet_v2_s-dd5fe13b.pth", 82.7, 84.228),
    "efficientnet_v2_m": ("efficientnet_v2_m-dc08266a.pth", 208.0, 85.112),
    "efficientnet_v2_l": ("efficientnet_v2_l-59c71312.pth", 454.6, 85.808),
}
# README of akamaster/pytorch_resnet_cifar10: 100 − its test error on CIFAR-10.
_CIFAR10 = {
    "resnet20": ("resnet20-12fca82f.th", 1.1, 91.73),
    "resnet32": ("resnet32-d509ac18.th", 1.9, 92.63),
    "resnet44": ("resnet44-014dd654.th", 2.8, 93.1),
    "resnet56": ("resnet56-4bfd9763.th", 3.6, 93.39),
    "resnet110": ("resnet110-1d1ed7c2.th", 7.3, 93.68),
}
WEIGHTS = {
    name: Published(name, place + file, megabytes, accuracy, data)
    for place, data, table in ((TORCHVISION, "imagenet", _IMAGENET), (AKAMASTER, "cifar10", _CIFAR10))
    for name, (file, megabytes, accuracy) in table.items()
}


def get(name: str) -> Published:
    """The published weights of a model. Raises `UserError` where none are known. · 按模型名取已发布权重。

    >>> get("resnet20").url.rpartition("/")[2]
    'resnet20-12fca82f.th'
    """
    if name not in WEIGHTS:
        raise unknown("published weights", name, list(WEIGHTS))
    return WEIGHTS[name]


def fetch(name: str, folder: Path | None = None, opener: Callable[[str], IO[bytes]] = open_url) -> Path:
    """Fetch the published weights of a model and compare their sha256; what is there and right stays. · 下载并校验。

    folder where to (default: `weights` beside the data sets). A file goes to NAME.part and only then gets its name.
    Raises `UserError` if the address does not give the right bytes or the disk does not take them.
    """
    wanted = get(name)
    folder = folder or places("weights")[0]
    target, part = folder / wanted.file, folder / f"{wanted.file}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if target.is_file() and _right(target, wanted):
            return target
        fault = _receive(wanted, part, opener)
        if fault is None:
            part.replace(target)
            return target
    except OSError as error:
        raise UserError(f"{show(folder)}: cannot be written ({error.strerror or error})") from error
    finally:
        part.unlink(missing_ok=True)
    raise UserError(f"{wanted.url}: {fault}; get it by hand and put it into {show(folder)}")


def _right(path: Path, wanted: Published) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(wanted.begins)


def _receive(wanted: Published, part: Path, opener: Callable[[str], IO[bytes]]) -> str | None:
    """Write an address to a file; what is wrong with what came, or None. Faults of the disk are raised."""
    digest, size, most = hashlib.sha256(), 0, int(wanted.megabytes * 1.5e6)
    with part.open("wb") as out:
        try:
            stream = opener(wanted.url)
        except (OSError, http.client.HTTPException) as error:
            return f"cannot be fetched ({error})"
        with stream:
            while True:
                try:
                    block = stream.read(CHUNK)
                except (OSError, http.client.HTTPException) as error:
                    return f"broke off ({error})"
                if not block:
                    break
                size += len(block)
                if size > most:
                    return f"more than the expected {wanted.megabytes} MB"
                digest.update(block)
                out.write(block)
    found = digest.hexdigest()
    return None if found.startswith(wanted.begins) else f"sha256 {found[:8]}…, expected {wanted.begins}…"
