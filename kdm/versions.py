"""Records that outlive the version that wrote them."""

ADDED_LATER = {"added": "later"}
"""Metadata of a configuration's field that runs of earlier versions do not have.

It is written only where it is not its default: a run that does not know the entry stays readable, and is still the same
experiment.
"""
