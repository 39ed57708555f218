"""Questions that a validator never answered right, looked at by people: a local page, a journal of their decisions, and
the data set that follows from them.
"""
