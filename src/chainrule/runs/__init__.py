"""A run on disk: what it was, how far it got, what it gave. · 磁盘上的运行：设置、进度与结果。"""
