"""Wire types, generated from protos/dragoman/v1 by `make protos`; never edited."""
