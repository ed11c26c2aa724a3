"""What arrives: from the broker, decoded, judged, and handed on; nothing malformed is lost in silence."""
