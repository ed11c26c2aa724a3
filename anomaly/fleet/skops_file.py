"""Models on disk as skops files, which unlike pickle run no code when they are read.

Only the types that our models are made of are let in; a file with any other is refused by name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from anomaly.errors import LifeError

# What skops does not trust by itself and our models need.
NEEDED: Final = frozenset({"sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"})


def save(content: dict[str, Any], path: Path) -> None:
    """Write `content`; raises LifeError when it cannot."""
    from skops.io import dump  # noqa: PLC0415 - heavy

    try:
        dump(content, path)
    except OSError as error:
        raise LifeError(f"{path}: {error.strerror or error}") from error


def load(path: Path, *wanted: str) -> dict[str, Any]:
    """The content of a file whose "format" is one of `wanted`. Raises LifeError, which says why not."""
    from skops.io import get_untrusted_types  # noqa: PLC0415 - heavy
    from skops.io import load as read  # noqa: PLC0415 - heavy

    content: Any = None
    try:
        foreign = get_untrusted_types(file=path)
        refused = sorted(set(foreign) - NEEDED)
        if not refused:
            content = read(path, trusted=foreign)
    except Exception as error:  # skops raises whatever the broken archive provokes
        raise LifeError(f"{path.name}: not a model that can be read: {error}") from error
    if refused:
        raise LifeError(f"{path.name}: holds types a model has no need of: {refused[:5]}")
    if not isinstance(content, dict) or content.get("format") not in wanted:
        raise LifeError(f"{path.name}: not a model of this kind and version ({', '.join(wanted)})")
    return content
