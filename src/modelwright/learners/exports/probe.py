"""Exports what `probe` learned: a network, like every gradient learner's."""

from modelwright.learners.exports._int8 import compress
from modelwright.learners.exports._network import export

__all__ = ["compress", "export"]
