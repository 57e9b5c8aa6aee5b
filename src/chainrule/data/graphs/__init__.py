"""Graphs: nodes with features and classes, and who is joined to whom. · 图：节点、特征、类别与连接。"""

from .graph import Graph as Graph
from .reading import read as read
