"""New firmware for a microcontroller: checked before anything is written, proven after, and safe from power cuts."""
