"""Kinds of learning by name, without importing torch: a part of the catalogue. · 学习种类的目录。"""

from dataclasses import dataclass
from typing import Any

from .entry import Entry, named
from .errors import UserError


@dataclass(frozen=True)
class Way(Entry):
    """One kind of learning. · 一个学习种类。

    lacking: why its models cannot be made by themselves, "" where they can; example: the data that they are then
    trained with, as it is written on the command line; pictures: "module:function" of what is drawn in a report.
    """

    lacking: str = ""
    example: str = ""
    pictures: str = ""

    @property
    def alone(self) -> bool:
        """Whether a network of it can be made without data. · 能否脱离数据构造网络。"""
        return not self.lacking

    def draw(self, run: Any) -> list[str]:
        """Draw into a run's report what is drawn of this kind alone; the names of the files. · 画出该类报告特有的图。

        The room that draws stands above the one that learns, so it is known by its name here.
        """
        return named(self.pictures)(run) if self.pictures else []

    def check_alone(self, model: str) -> None:
        """Refuse a model that cannot be made without data. · 拒绝无法脱离数据构造的模型。

        >>> KINDS["images"].check_alone("lenet5")
        """
        if not self.alone:
            raise UserError(
                f"model {model!r} {self.lacking}: expected a network that stands by itself here, as those for images "
                f"do; `chainrule train {model} {self.example}` makes and trains it"
            )


_SIZES = "takes its sizes from its data"

# What a model learns from and how it is used; the names stand in `Entry.kind`.
KINDS = {
    "images": Way(
        "chainrule.learn.images.kind:Images", "classes, labels or numbers from images", "由图像学习类别、标签或数值"
    ),
    "graphs": Way(
        "chainrule.learn.graphs.sets:Sets",
        "classes of whole graphs",
        "整张图的类别",
        lacking=_SIZES,
        example="motifs",
        pictures="chainrule.look.set_report:pictures",
    ),
    "links": Way(
        "chainrule.learn.graphs.links:Links",
        "edges of a graph, some of them hidden",
        "图中的边，部分被隐去",
        lacking=_SIZES,
        example="GRAPH",
        pictures="chainrule.look.link_report:pictures",
    ),
    "nodes": Way(
        "chainrule.learn.graphs.nodes:Nodes",
        "classes of the nodes of a graph",
        "图中节点的类别",
        lacking=_SIZES,
        example="GRAPH",
        pictures="chainrule.look.node_report:pictures",
    ),
    "tables": Way(
        "chainrule.learn.tables.kind:Tables",
        "classes or a number from tables",
        "由表格学习类别或数值",
        pictures="chainrule.look.foretold:pictures",
    ),
    "translation": Way(
        "chainrule.learn.translation.kind:Translation",
        "translations from pairs of sentences",
        "由句对学习翻译",
        lacking="is as large as the vocabularies of its data",
        example="PAIRS",
    ),
    "language": Way(
        "chainrule.learn.language.kind:LanguageModels",
        "texts to be continued",
        "由文本学习续写",
        lacking=_SIZES,
        example="TEXT",
    ),
    "unsupervised": Way(
        "chainrule.learn.unsupervised.kind:Unsupervised",
        "codes of images",
        "由图像学习编码",
        pictures="chainrule.look.latent:pictures",
    ),
    "vectors": Way(
        "chainrule.learn.words.kind:Vectors",
        "word vectors from plain text",
        "由纯文本学习词向量",
        lacking="is no network of layers",
        example="TEXT",
    ),
    "series": Way(
        "chainrule.learn.series.kind:Forecasting",
        "what comes next in a time series",
        "预测时间序列的后续数值",
        lacking=_SIZES,
        example="TABLE",
        pictures="chainrule.look.forecast:pictures",
    ),
    "texts": Way(
        "chainrule.learn.texts.kind:Texts",
        "classes, numbers or tags from texts",
        "由文本学习类别、数值或逐词标签",
        lacking=_SIZES,
        example="TEXTS",
    ),
    "agents": Way(
        "chainrule.learn.agents.kind:Agents",
        "agents that learn from rewards",
        "由回报学习的智能体",
        lacking="is a way of learning, and its networks depend on the environment",
        example="cartpole",
    ),
}
