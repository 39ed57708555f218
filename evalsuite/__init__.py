"""Medical question answering, evaluated: pinned data, one strict answer parser, numbers with intervals."""

__version__ = "0.1.0"
