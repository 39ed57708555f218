"""From raw questions to a data set that can be trained on: filtered, checked against a model, reviewed, mixed.

Nothing is dropped silently: what is left out stands in a file of its own, with the reason, and every folder has a
manifest with the counts.
"""
