"""An agent that reads Wikipedia: from a dump or a folder of articles to triples with the evidence of each."""
