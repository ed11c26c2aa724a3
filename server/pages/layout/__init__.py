"""The frame of every page: viewer, language, formats, components, assets, headers, errors."""
