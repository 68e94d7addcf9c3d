"""How a step follows from gradients: optimisers, rates, averages, growing batches, thawing layers, scaled losses."""
