"""Networks of the gradient learners: one encoder per input, a combiner, and one head per output."""
