"""Smaller and quicker forms of a body: each a module, all of them behind `network_forms`."""
