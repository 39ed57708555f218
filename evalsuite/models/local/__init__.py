"""What `hf/` and `vllm/` share: templates, drafts, batches, likelihoods of models that run in this process."""
