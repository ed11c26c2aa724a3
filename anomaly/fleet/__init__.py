"""Models learned from a whole fleet; the only part of the library that needs scikit-learn."""
