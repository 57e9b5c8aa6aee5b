"""Learning on graphs: nodes and edges. · 图上的学习：节点与边。"""
