"""Exports what `finetune` learned: a network, like every gradient learner's."""

from modelwright.learners.exporting.int8 import compress
from modelwright.learners.exporting.network import export

__all__ = ["compress", "export"]
