"""A small network that learns from the answers of a package: distillation (Hinton et al. 2015)."""
