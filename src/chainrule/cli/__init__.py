"""The command line, one file a command group; it starts without importing torch. · 命令行。"""
