"""Articles of the open-access subset of PubMed Central, in JATS, and what book chapters share with them."""
