"""What docs/upstream.md says of onnxruntime, to be run by anybody. Knows nothing of Dragoman."""
