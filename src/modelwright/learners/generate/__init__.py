"""A causal language model that writes."""
