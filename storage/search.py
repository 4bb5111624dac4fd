"""What people type to find something, in the form in which the database looks it up."""

from __future__ import annotations

import re
import unicodedata

from storage.rows import Row

# pg_trgm looks up parts of three letters; it takes no notice of signs.
LONG = re.compile(r"[^\W_]{3}")


def search(text: str | None) -> Row:
    """The parameters of a search: each word of the text has to be found.

    Returns:
        ``patterns`` for LIKE, one for each word. For devices, of which there are many, the words
        are parted: ``long`` has the patterns of those with three letters in a row, ``longest`` the
        one that an index serves best, and ``short`` the words that have to be beginnings. Each is
        None where there is none.
    """
    words = searched(text or "").split()
    long = [word for word in words if LONG.search(word)]
    return {
        "patterns": list(map(pattern, words)) or None,
        "long": list(map(pattern, long)) or None,
        "longest": pattern(max(long, key=len)) if long else None,
        "short": " ".join(word for word in words if word not in long) or None,
    }


def searched(text: str) -> str:
    """Small letters, each in its one composed form, as the database's function of this name."""
    composed = unicodedata.normalize("NFKC", text)
    # PostgreSQL has one small letter for each; Python sometimes two.
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in composed)


def pattern(word: str) -> str:
    """The LIKE pattern of text with the word in it."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"
