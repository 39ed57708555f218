"""Training data: manifests of data sets, the rows of each kind of stage, and the search for benchmark questions."""
