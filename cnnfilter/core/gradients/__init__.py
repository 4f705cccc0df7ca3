"""The way back: how a loss changes with what went into a layer, from how it changes with what came out."""
