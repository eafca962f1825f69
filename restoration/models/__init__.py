"""One file per model: network, wrapper and `build`; `base` holds the contract."""
