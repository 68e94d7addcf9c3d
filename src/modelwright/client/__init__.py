"""Asks a gateway from another program: a function elsewhere is called as one that was loaded here."""
