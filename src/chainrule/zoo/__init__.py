"""The classic architectures: each the paper's own table, and what reads it. · 经典网络：论文的表格及其读取代码。"""
