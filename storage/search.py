"""What people type to find something, in the form in which the database looks it up."""

from __future__ import annotations

import re
import unicodedata

from storage.rows import Row

# pg_trgm looks up parts of three letters; it takes no notice of signs.
LONG = re.compile(r"[^\W_]{3}")


def search(text: str | None) -> Row:
    """The parameters of a search: each word of the text has to be found.

    A word that has three letters in a row is found anywhere, a shorter one where a word begins.

    Returns:
        ``patterns`` for LIKE, all of which must match; ``longest`` is the one that an index serves
        best; ``short`` has the shorter words. Each is None where there is none.
    """
    words = searched(text or "").split()
    long = [word for word in words if LONG.search(word)]
    short = [word for word in words if word not in long]
    return {
        "patterns": [pattern(word) for word in words] or None,
        "longest": pattern(max(long, key=len)) if long else None,
        "short": " ".join(short) or None,
    }


def searched(text: str) -> str:
    """Small letters, each in its one composed form, as the database's function of this name."""
    composed = unicodedata.normalize("NFKC", text)
    # PostgreSQL has one small letter for each; Python sometimes two.
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in composed)


def pattern(word: str) -> str:
    """The LIKE pattern of text with the word in it."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"
