"""Importing what others published: arrays into the format of this library."""
