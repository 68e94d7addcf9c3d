"""Decoders of the Llama form: how one is built, and what it computes in torch."""
