"""Generated stubs of the contract (`protos/effacer/v1`). Never edited: `make gen` writes them."""
