"""What microcontrollers speak: each protocol turns bytes into the same events."""
