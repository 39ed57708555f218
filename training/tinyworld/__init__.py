"""A synthetic clinical world that a small model can learn from nothing on two CPU cores, for the recipe `tiny`.

    python -m training.tinyworld OUT            # data sets and the model to start from
    python -m training.tinyworld tasks --tasks  # the items of its benchmarks

Names are invented, so that nothing in it is a statement on medicine; relations are those of a clinical graph.

What each stage can learn: `base`, to read options and facts in front of it, from texts that tell nothing of the world;
the corpus, the facts; the traces, the form of a response, where about half guess or break off; the questions, by
reward alone, that telling every fact before answering pays. So reward teaches no knowledge, and where all traces reason
to the end there is little left for it to teach.
"""
