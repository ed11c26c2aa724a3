"""Our own link (docs/link-protocol.md): numbered frames with a check sum, both ends as state tables."""
