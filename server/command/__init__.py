"""Commands to devices: asked for by people, sent until answered or expired, answered once."""
