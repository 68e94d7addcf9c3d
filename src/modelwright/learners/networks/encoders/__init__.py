"""Encoders: one per input, chosen by the form of its arrays. One file a form, or a family of pretrained weights.

Each is a module that turns its arrays into features (batch, width), and a configuration (JSON) by which it is built
again: a learned folder keeps the two apart (`training.learned_folder`). `registry` knows them all.
"""
