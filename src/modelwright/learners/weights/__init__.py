"""Pretrained weights: names, where they lead, and which input they are for. Light: no framework is loaded here."""
