"""Paths that a replay has elsewhere than the record: a folder of the user's, and its stand-in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Relocation:
    """Translates texts between the record and a replay that runs in a stand-in.

    Attributes:
        moves: (folder of the record, its stand-in), absolute, symbolic links resolved. An empty
            folder is the root of the file system, in whose stand-in the others lie among links: a
            recorded path goes without it.
    """

    moves: tuple[tuple[str, str], ...] = ()

    def there(self, content: Any) -> Any:
        """Recorded JSON for the replay: texts that are paths below a folder lead to its stand-in.

        >>> Relocation((("/p", "/s"),)).there(["/p/out", "/pp", "in /p", {"a": "/p"}])
        ['/s/out', '/pp', 'in /p', {'a': '/s'}]
        """
        return self._translated(content, self._text_there) if self._active() else content

    def back(self, content: Any) -> Any:
        """JSON of the replay as the record would have it, wherever in a text a stand-in is named.

        >>> Relocation((("/p", "/s"),)).back({"print": "wrote /s/out"})
        {'print': 'wrote /p/out'}
        >>> Relocation((("/u/p", "/a/u/p"), ("", "/a"))).back(["/a/u/p/x", "/a/u/data"])
        ['/u/p/x', '/u/data']
        """
        return self._translated(content, self._text_back) if self._active() else content

    def ahead(self, folder: str, standin: str) -> Relocation:
        """One more folder, which goes before the others; its own stand-in of before is no more.

        >>> Relocation((("/t", "/s"),)).ahead("/a", "/b").ahead("/t", "/z").moves
        (('/t', '/z'), ('/a', '/b'))
        """
        others = tuple(move for move in self.moves if move[0] != folder)
        return Relocation(((folder, standin), *others))

    def _active(self) -> bool:
        return any(folder != standin for folder, standin in self.moves)

    def _text_there(self, text: str) -> str:
        for folder, standin in self.moves:
            if folder and (text == folder or text.startswith(folder + "/")):
                return standin + text[len(folder) :]
        return text

    def _text_back(self, text: str) -> str:
        for folder, standin in self.moves:
            text = text.replace(standin, folder)
        return text

    def _translated(self, content: Any, text: Any) -> Any:
        if isinstance(content, str):
            return text(content)
        if isinstance(content, list | tuple):
            return type(content)(self._translated(item, text) for item in content)
        if isinstance(content, dict):
            return {text(key): self._translated(item, text) for key, item in content.items()}
        return content
