"""Server-rendered pages, one folder per audience; no business rule lives here, only its wording."""
