"""Warnings as a person reads them, and the rows behind them."""
