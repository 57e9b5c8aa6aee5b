"""Networks for graphs by name, without importing torch: a part of the catalogue. · 图网络的目录。"""

from ..entry import Entry

# How a graph is read: nodes a class to learn and to validate from where it brings no parts, see learn/graphs/nodes.py.
NODES = {"per_class": 20, "val_per_class": 30, "normalise": "auto", "undirected": False, "neighbours": ()}
# How the edges of a graph are hidden, and what each update looks at; see learn/graphs/link_data.py.
LINKS = {"val_edges": 0.05, "test_edges": 0.1, "normalise": "auto", "negatives": "auto"}
# Which graphs of a set are set aside; see learn/graphs/set_data.py.
SETS = {"test": 0.2, "split": 0}
KIPF = {"epochs": 200, "lr": 0.01, "weight_decay": 5e-4}  # Kipf & Welling 2017, section 5.2

GRAPHS = {
    "gcn": Entry(
        "chainrule.zoo.gcn:GCN",
        "graph convolutional network of two layers, and with model.row= the rows of its table 3",
        "两层图卷积网络，model.row= 可选论文表 3 各行",
        {"hidden": 16, "dropout": 0.5, "row": "gcn", "bias": False},
        kind="nodes",
        reading=NODES,
        usual=KIPF,
    ),
    "gae": Entry(
        "chainrule.zoo.gae:GAE",
        "graph auto-encoder: which nodes of a graph are joined",
        "图自编码器：预测哪些节点相连",
        {"hidden": 32, "dim": 16, "dropout": 0.0},
        kind="links",
        reading=LINKS,
        usual={"epochs": 200, "lr": 0.01},
    ),
    "graphsage": Entry(
        "chainrule.zoo.neighbours:GraphSAGE",
        "each node from itself and the mean of its neighbours; with data.neighbours= of a sample of them",
        "节点自身加邻居均值，data.neighbours= 可采样邻居",
        {"hidden": 64, "dropout": 0.5},
        kind="nodes",
        reading=NODES,
        usual=KIPF,
    ),
    "gat": Entry(
        "chainrule.zoo.neighbours:GAT",
        "graph attention: each node weighs its neighbours",
        "图注意力网络：节点为邻居加权",
        {"hidden": 8, "heads": 8, "dropout": 0.6},
        kind="nodes",
        reading=NODES,
        usual=KIPF | {"lr": 5e-3},
    ),
    "gin": Entry(
        "chainrule.zoo.graph_level:GIN",
        "graph isomorphism network: classes of whole graphs, what each depth sees is summed",
        "图同构网络：整图分类，各层求和读出",
        {"hidden": 32, "num_layers": 4, "dropout": 0.5, "readout": "sum", "train_eps": False},
        kind="graphs",
        reading=SETS,
        usual={"epochs": 60, "lr": 0.01},
    ),
    "graph_gcn": Entry(
        "chainrule.zoo.graph_level:GraphGCN",
        "graph convolutional network for classes of whole graphs, with one readout behind its layers",
        "图卷积网络用于整图分类，末层之后读出",
        {"hidden": 64, "num_layers": 4, "dropout": 0.0, "readout": "mean"},
        kind="graphs",
        reading=SETS,
        usual={"epochs": 120, "lr": 0.01},
    ),
}
