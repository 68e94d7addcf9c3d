"""How weights step along gradients: optimisers, and schedules of the learning rate."""
