"""The known data sets: what they are, whose, and where they are looked for and would be fetched from. · 已知数据集。

No torch here, and no network: `download.fetch` is the only place that reaches out, and only when asked to.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError, unknown
from .cifar import classes as cifar
from .cifar.files import HOME, SETS, find, refuse_pickle
from .names import show


@dataclass(frozen=True)
class File:
    """A file of a data set. · 数据集的一个文件。

    size: bytes as published. sha256: of the published file. content: sha256 of what is inside the .gz, where known;
    the same data may have been compressed anew.
    """

    name: str
    size: int
    sha256: str
    content: str | None = None


@dataclass(frozen=True)
class Source:
    """A known data set. · 一个已知数据集。

    urls: https folders, tried in order. shape: (C, H, W). counts: samples for training and for testing.
    home: the name of its folder, where that is another set's.
    """

    name: str
    en: str
    zh: str
    licence: str
    citation: str
    homepage: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    counts: tuple[int, int]
    urls: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    home: str = ""

    @property
    def bundled(self) -> bool:
        """Whether it ships with the package. · 是否随包附带。"""
        return not self.urls


_DIGITS = tuple("0123456789")
_CIFAR = {
    "licence": "none stated; cite Krizhevsky 2009",
    "citation": "Krizhevsky 2009, Learning multiple layers of features from tiny images, technical report, Toronto",
    "homepage": f"{HOME}cifar.html",
    "shape": (3, 32, 32),
    "counts": (50000, 10000),
    "urls": (HOME,),
}
_HUNDRED = (
    File(
        "cifar-100-binary.tar.gz",
        168513733,
        "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    ),
)
_CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

SOURCES = {
    source.name: source
    for source in (
        Source(
            name="digits",
            en="1,797 handwritten digits, 8×8 up-sampled to 32×32; ships with the package",
            zh="1,797 张手写数字，由 8×8 放大到 32×32，随包附带",
            licence="CC BY 4.0",
            citation="Alpaydin & Kaynak 1998, UCI Machine Learning Repository, doi:10.24432/C50P49",
            homepage="https://archive.ics.uci.edu/dataset/80",
            classes=_DIGITS,
            shape=(1, 32, 32),
            counts=(1437, 360),
            files=(File("digits.csv.gz", 57523, "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"),),
        ),
        Source(
            name="mnist",
            en="70,000 handwritten digits of 28×28",
            zh="70,000 张 28×28 手写数字",
            licence="CC BY-SA 3.0",
            citation="LeCun, Bottou, Bengio & Haffner 1998, doi:10.1109/5.726791",
            homepage="http://yann.lecun.com/exdb/mnist/",
            classes=_DIGITS,
            shape=(1, 28, 28),
            counts=(60000, 10000),
            urls=(
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
            ),
            files=(
                File(
                    "train-images-idx3-ubyte.gz",
                    9912422,
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                ),
                File(
                    "train-labels-idx1-ubyte.gz",
                    28881,
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                ),
                File(
                    "t10k-images-idx3-ubyte.gz",
                    1648877,
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                ),
                File(
                    "t10k-labels-idx1-ubyte.gz",
                    4542,
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                ),
            ),
        ),
        Source(
            name="fashion-mnist",
            en="70,000 photographs of clothes, 28×28 grey",
            zh="70,000 张 28×28 灰度服装图片",
            licence="MIT (Zalando SE)",
            citation="Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747",
            homepage="https://github.com/zalandoresearch/fashion-mnist",
            classes=_CLOTHES,
            shape=(1, 28, 28),
            counts=(60000, 10000),
            urls=("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",),
            files=(
                File(
                    "train-images-idx3-ubyte.gz",
                    26421880,
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                ),
                File(
                    "train-labels-idx1-ubyte.gz",
                    29515,
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                ),
                File(
                    "t10k-images-idx3-ubyte.gz",
                    4422102,
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                ),
                File(
                    "t10k-labels-idx1-ubyte.gz",
                    5148,
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                ),
            ),
        ),
        Source(
            name="cifar10",
            en="60,000 photographs of 32×32 in 10 classes",
            zh="6 万张 32×32 彩色照片，10 类",
            classes=cifar.TEN,
            files=(
                File(
                    "cifar-10-binary.tar.gz",
                    170052171,
                    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                ),
            ),
            **_CIFAR,
        ),
        Source(
            name="cifar100",
            en="60,000 photographs of 32×32 in 100 classes",
            zh="6 万张 32×32 彩色照片，100 类",
            classes=cifar.FINE,
            files=_HUNDRED,
            **_CIFAR,
        ),
        Source(
            name="cifar100-coarse",
            en="the same photographs in their 20 groups of classes",
            zh="同上，按 20 个大类",
            classes=cifar.COARSE,
            files=_HUNDRED,
            home="cifar100",
            **_CIFAR,
        ),
    )
}


def get(name: str) -> Source:
    """A known data set by name; `UserError` with the nearest name otherwise. · 按名称取数据集。

    >>> get("mnist").counts
    (60000, 10000)
    """
    if name not in SOURCES:
        raise unknown("data set", name, list(SOURCES))
    return SOURCES[name]


def places(name: str) -> list[Path]:
    """The folders where a known set is looked for, in order. · 依次查找数据集的文件夹。

    $CHAINRULE_DATA/NAME if that variable is set, then the user's cache ($XDG_CACHE_HOME or ~/.cache)/chainrule/NAME.
    """
    name = SOURCES[name].home or name if name in SOURCES else name
    found = [Path(os.environ["CHAINRULE_DATA"]).expanduser() / name] if os.environ.get("CHAINRULE_DATA") else []
    return [*found, cache() / name]


def cache() -> Path:
    """The folder where fetched and unpacked data is kept. · 缓存文件夹。"""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "chainrule"


def path_of(text: str) -> Path | None:
    """The path that a word names: as it stands, or below $CHAINRULE_DATA; None where there is none. · 数据路径。

    >>> path_of("no/such/folder")
    """
    try:
        text.encode()  # a name that is no text could not be written down in run.toml
        path = Path(text).expanduser()
        if path.exists():
            return path
        home = os.environ.get("CHAINRULE_DATA")
        below = Path(home).expanduser() / text if home and text and not path.is_absolute() else None
        return below if below and below.exists() else None
    except (OSError, ValueError, RuntimeError):
        return None


def held(file: File, folder: Path) -> Path | None:
    """Where a folder has this file, plain or gzip'd; None if it has not. · 文件（原样或压缩）在文件夹中的位置。"""
    for name in (file.name.removesuffix(".gz"), file.name):
        if (path := folder / name).is_file():
            return path
    return None


def complete(source: Source, folder: Path) -> bool:
    """Whether a folder holds all of a set, in one of the forms that can be read. · 文件夹中数据集是否齐全。"""
    if source.name in SETS:
        return find(source.name, folder) is not None
    return all(held(file, folder) for file in source.files)


def locate(name: str) -> Path:
    """The folder that holds a known set. · 已知数据集所在的文件夹。

    Raises `UserError` saying which files to put where and where they come from, if no folder has all of them.

    >>> locate("digits").name
    'data'
    """
    source = get(name)
    if source.bundled:
        return Path(__file__).parent
    for folder in places(name):
        if complete(source, folder):
            return folder
    folder = next((f for f in places(name) if f.is_dir()), places(name)[0])
    if name in SETS:
        refuse_pickle(folder)
    missing = ", ".join(file.name for file in source.files if not held(file, folder))
    raise UserError(
        f"{name} is not on this machine: put {missing} into {show(folder)} (from {source.urls[0]}), "
        f"or run: chainrule data fetch {name}"
    )
