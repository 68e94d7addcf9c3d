"""Outcomes of an output that is a series: a forecast of several steps, with an interval."""
