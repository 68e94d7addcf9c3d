"""Decoders of the Llama form as graphs of our own: from named tensors and a configuration to a body that writes."""
