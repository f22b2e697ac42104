"""Turns a trained checkpoint into a model bundle."""
