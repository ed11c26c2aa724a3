"""From a stream of bytes to frames and back; nothing here knows what a frame means."""
