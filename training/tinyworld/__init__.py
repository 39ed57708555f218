"""A synthetic clinical world that a small model can learn from scratch on two CPU cores, for the recipe `tiny`.

    python -m training.tinyworld OUT            # data sets and the start model
    python -m training.tinyworld tasks --tasks  # the items of its benchmarks

Names are invented, so nothing in it is a statement about medicine; the relations are those of a clinical knowledge
graph.

Each stage has something to learn. The base stage learns to read options and facts in its prompt, from texts
without any fact of the world. The corpus teaches the facts. The traces teach the form of a response; about half of them
guess or stop early. The questions teach, by reward alone, to state every fact before answering. So the reward teaches
no knowledge, and if all traces reasoned to the end, little would be left for it to teach.
"""
