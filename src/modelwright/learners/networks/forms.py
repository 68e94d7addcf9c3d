"""What networks read and answer: light, so that a specification can name it without torch."""

from __future__ import annotations

from modelwright.kinds.contract.common import Form

READ = frozenset({Form.TOKENS, Form.CODE, Form.SCALAR, Form.VECTOR, Form.SET})
"""The forms that have an encoder (`networks.encoders`)."""

ANSWERED = frozenset({Form.CODE, Form.FLAG, Form.SCALAR, Form.SET, Form.VECTOR})
"""The forms that have a head (`networks.heads`)."""

MODULES = ("torch", "transformers", "safetensors", "onnx", "onnxscript")
"""What the gradient learners import."""
