"""Images of firmware in the JSON API."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class ImageView(BaseModel):
    """What is known of an image; its bytes go to devices only."""

    model_config = ConfigDict(from_attributes=True)

    sha256: str
    name: str
    version: str
    hardware: str
    size_bytes: int
    added_by: int | None
    added_at: datetime
