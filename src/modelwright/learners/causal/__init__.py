"""Learning of a language model: rows of tokens, the loss on those that are learned, parts of bounded size."""
