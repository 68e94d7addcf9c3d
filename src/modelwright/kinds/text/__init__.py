"""Text: a question, a review, a document."""
