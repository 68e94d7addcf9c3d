"""Networks of the gradient learners: an encoder an input, a combiner, and a head an output."""
