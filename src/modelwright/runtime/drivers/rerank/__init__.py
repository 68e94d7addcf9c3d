"""The driver `rerank`: puts what one function finds in the order of one that reads question and passage together."""
