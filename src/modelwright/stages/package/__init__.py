"""Package: what was learned, exported, proved equal to the network, compressed where that costs nothing."""
