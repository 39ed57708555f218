"""What `hf/`, `vllm/` and the reward share for models in this process: chat templates, batching, scoring."""
