"""Marks of a figure that tell their values: under the pointer in any SVG, and by the keyboard on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from matplotlib.artist import Artist
from matplotlib.figure import Figure

_GROUP = re.compile(r'^( *)<g id="told_(\d+)">\n(.*?)^\1</g>\n', re.DOTALL | re.MULTILINE)
_MARKER = re.compile(r"^ *<use [^<>]*/>\n", re.MULTILINE)
_PATH = re.compile(r'^ *<path d="([^"]*)"([^<>]*)/>\n', re.MULTILINE)


class _Texts(str):
    """An artist's id until the figure is saved; SVGs have no other place for what an artist carries."""

    __slots__ = ("texts",)
    texts: tuple[str, ...]


def tell(artist: Artist, texts: Sequence[str]) -> None:
    """What is said of each of an artist's marks: markers, or the closed shapes of its path, in the order drawn."""
    kept = _Texts("told")
    kept.texts = tuple(texts)
    artist.set_gid(kept)


def number(figure: Figure) -> list[tuple[str, ...]]:
    """Give all artists that tell something an id of their own; what each says, in that order."""
    found = [artist for artist in figure.findobj() if isinstance(artist.get_gid(), _Texts)]
    told = []
    for index, artist in enumerate(found):
        kept = artist.get_gid()
        assert isinstance(kept, _Texts)
        told.append(kept.texts)
        artist.set_gid(f"told_{index}")
    return told


def put_texts(svg: str, told: Sequence[tuple[str, ...]]) -> str:
    """The SVG with a title in each mark; an artist tells nothing, rather than lies, if not all its marks were drawn."""

    def put(group: re.Match[str]) -> str:
        indent, content, texts = group[1], group[3], told[int(group[2])]
        for each in (_MARKER, _PATH):
            marks = [found[0] for found in each.finditer(content)]
            if len(marks) == len(texts):
                following = _marks(marks, texts)
                return f"{indent}<g>\n{each.sub(lambda _: next(following), content)}{indent}</g>\n"  # noqa: B023
        path = _PATH.fullmatch(content)
        return f"{indent}<g>\n{_shapes(path, texts) if path else content}{indent}</g>\n"

    return _GROUP.sub(put, svg)


def _shapes(path: re.Match[str], texts: Sequence[str]) -> str:
    """A path's shapes, each by itself, in a group that looks as the path does."""
    shapes = [f"{' '.join(shape.split())} z" for shape in path[1].split("z") if shape.strip()]
    if len(shapes) != len(texts):
        return path[0]
    marks = _marks([f'<path d="{shape}"/>' for shape in shapes], texts)
    return f"<g{path[2]}>\n{''.join(marks)}</g>\n"


def _marks(marks: Sequence[str], texts: Sequence[str]) -> Iterator[str]:
    for mark, text in zip(marks, texts, strict=True):
        yield f'<g class="told"><title>{escape(text, quote=False)}</title>{mark.strip()}</g>\n'
