"""The known texts, those with labels and those to be continued, without importing torch. · 已知的文本。"""

import re
from dataclasses import dataclass
from pathlib import Path

from .shelf import Shelf
from .sources import path_of


@dataclass(frozen=True)
class Named:
    """A set of labelled texts that is looked for below $CHAINRULE_DATA. · 已知的带标签文本集。

    home its folder; parts the files of train, val and test, "" for none, or the folder of classes alone; classes their
    names in order of the labels 0, 1, …; source who made it.
    """

    en: str
    zh: str
    home: str
    parts: tuple[str, ...]
    classes: tuple[str, ...] = ()
    source: str = ""

    @property
    def shelf(self) -> Shelf:
        """Where it lies. · 存放位置。"""
        return Shelf((self.home,), tuple(part for part in self.parts if part not in ("", ".")), self.source)


@dataclass(frozen=True)
class Running:
    """A text without labels: its file, below a folder of its name. · 无标签的文本。"""

    file: str
    en: str
    zh: str
    origin: str

    def shelf(self, name: str) -> Shelf:
        """Where it lies. · 存放位置。"""
        return Shelf((name,), (self.file,), self.origin)


TAGGED = (".conll", ".bio", ".iob", ".iob2")  # endings of files with a token and its tag a line
_PACKED = (".gz", ".xz")
_PANG = "Socher et al. 2013, doi:10.18653/v1/D13-1170"
TEXTS = {
    "sst2": Named(
        "sentences of film reviews, negative or positive",
        "影评句子，褒贬两类",
        "sentences",
        ("stsa.binary.train", "stsa.binary.dev", "stsa.binary.test"),
        ("negative", "positive"),
        _PANG,
    ),
    "sst5": Named(
        "sentences of film reviews in five grades",
        "影评句子，五级",
        "sentences",
        ("stsa.fine.train", "stsa.fine.dev", "stsa.fine.test"),
        ("very negative", "negative", "neutral", "positive", "very positive"),
        _PANG,
    ),
    "mr": Named(
        "10,662 sentences of film reviews, negative or positive; those of SST are taken from them",
        "10,662 句影评，褒贬两类，SST 的句子取自其中",
        "sentences",
        ("rt-polarity.all", "", ""),
        ("negative", "positive"),
        "Pang & Lee 2005, doi:10.3115/1219840.1219855",
    ),
    "trec": Named(
        "questions by what they ask for, 6 kinds",
        "问题按所问分为 6 类",
        "sentences",
        ("TREC.train.all", "", "TREC.test.all"),
        ("description", "entity", "abbreviation", "person", "place", "number"),
        "Li & Roth 2002, https://aclanthology.org/C02-1150/",
    ),
    "names": Named(
        "20,050 family names in 18 languages",
        "18 种语言的 20050 个姓氏",
        "names/names",
        (".",),
        (),
        "S. Robertson, PyTorch tutorial on names",
    ),
}


RUNNING = {
    "tinyshakespeare": Running(
        "input.txt",
        "a text of 1,115,394 characters from Shakespeare's plays (Karpathy 2015)",
        "莎士比亚戏剧选段，1,115,394 个字符的文本",
        "https://github.com/karpathy/char-rnn/tree/master/data/tinyshakespeare",
    ),
    "wiki8": Running(
        "wiki8",
        "17 million words of Wikipedia, lower case, without marks: a twin of text8",
        "1700 万词的小写维基百科正文，与 text8 同类",
        "CC BY-SA 3.0, made like http://mattmahoney.net/dc/text8.zip",
    ),
}


def text_path(source: str) -> Path | None:
    """The file or folder that a word names: of a known text without labels its file. · 文本的路径。

    None where there is none. Raises `UserError` that says what to put where for a known text.
    """
    path = path_of(source)
    if source in RUNNING and (path is None or path.is_dir()):
        return RUNNING[source].shelf(source).paths(source)[0]
    return path


def is_named(source: str) -> bool:
    """Whether a word names a set of texts; what lies on the disk under that name comes first. · 是否为已知文本集。

    >>> is_named("sst2"), is_named("digits")
    (True, False)
    """
    return source in TEXTS and not Path(source).exists()


def holds_texts(path: Path) -> bool:
    """Whether a file is of labelled texts by its ending or the titles of its columns, or a folder's training part is.

    · 是否为带标签的文本。

    >>> holds_texts(Path("words.conll")), holds_texts(Path("no-such-folder"))
    (True, False)
    """
    if path.is_dir():
        return any(holds_texts(part) for part in path.glob("train.*"))
    if path.suffix.lower() in TAGGED:
        return True
    if path.suffix.lower() not in (".csv", ".tsv") or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.readline(10_000).decode("utf-8-sig", "replace")
    return {"text", "label"} <= {cell.strip().strip('"') for cell in re.split("[,;\t]", head)}


def holds_pairs(path: Path) -> bool:
    """Whether a folder has a training part in two languages, as train.de and train.en. · 是否为句对。

    >>> holds_pairs(Path("no-such-folder"))
    False
    """
    names = [part.stem if part.suffix in _PACKED else part.name for part in path.glob("train.*") if part.is_file()]
    return sum(bool(re.fullmatch(r"train\.(?!csv|tsv|txt|bio|iob)[a-z]{2,3}", name)) for name in names) >= 2
