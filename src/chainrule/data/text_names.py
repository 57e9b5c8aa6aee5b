"""The known sets of labelled texts and of series, without importing torch. · 已知的带标签文本与时间序列。"""

from dataclasses import dataclass
from pathlib import Path


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


def is_named(source: str) -> bool:
    """Whether a word names a set of texts; what lies on the disk under that name comes first. · 是否为已知文本集。

    >>> is_named("sst2"), is_named("digits")
    (True, False)
    """
    return source in TEXTS and not Path(source).exists()


def missing(name: str) -> str:
    """What to do where a known set is not on this machine. · 缺少数据集时的提示。"""
    one = TEXTS[name]
    what = ", ".join(part for part in one.parts if part not in ("", ".")) or "a file for each class"
    return (
        f"{name} is not on this machine: put {what} into the folder {one.home} below $CHAINRULE_DATA, or give the path "
        "of your own texts"
    )
