"""What networks read and answer: light, so that a specification can name it without torch."""

from __future__ import annotations

from modelwright.kinds.contract.common import Form
from modelwright.learners.weights.families import FORMS

PLAIN = frozenset({Form.CODE, Form.SCALAR, Form.VECTOR, Form.SET})
"""The forms that have an encoder in which nothing need be learned."""

READ = PLAIN | FORMS
"""The forms that a learner reads which starts from pretrained weights (`networks.encoders`)."""

ENCODED = READ | {Form.TOKENS, Form.PIXELS, Form.FRAMES, Form.SERIES}
"""The forms that have an encoder, from scratch or pretrained."""

SPARED = frozenset({Form.PIXELS, Form.FRAMES, Form.SERIES})
"""The forms for which a learned vector stands where a value is missing."""

ANSWERED = frozenset({Form.CODE, Form.FLAG, Form.SCALAR, Form.SET, Form.VECTOR, Form.SERIES})
"""The forms that have a head (`networks.heads`)."""

MATCHED = frozenset({Form.CHOICE})
"""The forms that are answered by what belongs together (`networks.contrast`)."""

LOCATED = frozenset({Form.SPANS, Form.SPAN})
"""The forms that are answered token by token (`heads.Task.of_positions`)."""

MODULES = ("torch", "transformers", "safetensors", "onnx", "onnxscript")
"""What the gradient learners import."""
