"""Images of firmware for microcontrollers behind devices, kept by their hash and given to who is to write them."""
