"""Experiment records: what a run learned and measured, in MLflow and TensorBoard."""
