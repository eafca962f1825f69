"""What several models share: the contract with the engine, and bases that fulfil it."""
