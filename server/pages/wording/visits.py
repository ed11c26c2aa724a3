"""What to do and bring on a visit: field_service's English phrases are the message ids.

`scripts/translations.py` takes them over into the catalogues from the library itself.
"""

from __future__ import annotations

from server.pages.language.reader import Reader
from server.pages.language.translations import translations


def phrase(reader: Reader, text: object) -> str:
    return translations(reader.language).gettext(str(text)) if text else ""
