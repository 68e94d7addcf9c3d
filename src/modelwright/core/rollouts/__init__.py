"""How a version is rolled out: the strategies, and what follows from a state, its evidence and the time. Pure."""
