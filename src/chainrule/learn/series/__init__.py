"""Forecasting time series. · 时间序列预测。"""
