"""Hand-written kernels, made when they are first used and never at import. · 手写核：首次使用时才编译。"""
