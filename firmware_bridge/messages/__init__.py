"""What comes out of the bridge: frozen events, the same for every protocol."""
