"""Kinds of learning by name, without importing torch: a part of the catalogue. · 学习种类的目录。"""

from .entry import Entry

# What a model learns from and how it is used; the names stand in `Entry.kind`.
KINDS = {
    "images": Entry(
        "chainrule.learn.images.kind:Images", "classes, labels or numbers from images", "由图像学习类别、标签或数值"
    ),
    "links": Entry(
        "chainrule.learn.graphs.links:Links", "edges of a graph, some of them hidden", "图中的边，部分被隐去"
    ),
    "nodes": Entry("chainrule.learn.graphs.nodes:Nodes", "classes of the nodes of a graph", "图中节点的类别"),
    "tables": Entry("chainrule.learn.tables.kind:Tables", "classes or a number from tables", "由表格学习类别或数值"),
    "translation": Entry(
        "chainrule.learn.translation.kind:Translation", "translations from pairs of sentences", "由句对学习翻译"
    ),
    "language": Entry("chainrule.learn.language.kind:LanguageModels", "texts to be continued", "由文本学习续写"),
    "unsupervised": Entry("chainrule.learn.unsupervised.kind:Unsupervised", "codes of images", "由图像学习编码"),
    "vectors": Entry("chainrule.learn.words.kind:Vectors", "word vectors from plain text", "由纯文本学习词向量"),
    "series": Entry(
        "chainrule.learn.series.kind:Forecasting", "what comes next in a time series", "预测时间序列的后续数值"
    ),
    "texts": Entry(
        "chainrule.learn.texts.kind:Texts", "classes, numbers or tags from texts", "由文本学习类别、数值或逐词标签"
    ),
    "agents": Entry("chainrule.learn.agents.kind:Agents", "agents that learn from rewards", "由回报学习的智能体"),
}
