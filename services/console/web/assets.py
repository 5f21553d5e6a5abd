"""Style, script and icons: read once, packed once, and served under names that change with their content."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.responses import Response

_FOLDER: Final = Path(__file__).parent / "static"
_STYLES: Final = ("tokens.css", "base.css", "parts.css", "screens.css")
"""In this order they are one file."""
_KINDS: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as browsers get it."""

    url: str
    kind: str
    body: bytes
    packed: bytes


def _asset(name: str, body: bytes) -> Asset:
    stem, _, kind = name.rpartition(".")
    digest = hashlib.sha256(body).hexdigest()[:12]
    return Asset(f"/static/{stem}.{digest}.{kind}", _KINDS[kind], body, gzip.compress(body, mtime=0))


def _read() -> dict[str, Asset]:
    found = {"console.css": b"".join((_FOLDER / name).read_bytes() for name in _STYLES)}
    found |= {name: (_FOLDER / name).read_bytes() for name in ("console.js", "icons.svg", "logo.svg")}
    return {name: _asset(name, body) for name, body in found.items()}


ASSETS: Final = _read()


def answer(asked: str, *, packs: bool) -> Response:
    """Return a file.

    While two versions run side by side, a page of one asks the other for a name that it does not have: it gets the
    file as it is here, and does not keep it.

    Args:
        asked: Name with digest, as it stands in the page.
        packs: Whether the browser takes gzip.
    """
    stem, _, rest = asked.partition(".")
    asset = ASSETS.get(f"{stem}.{rest.rpartition('.')[2]}")
    if asset is None:
        return Response("There is no such file.", 404, media_type="text/plain")
    headers = {"Cache-Control": _FOR_EVER if asset.url.endswith(f"/{asked}") else "no-store", "Vary": "Accept-Encoding"}
    if packs:
        headers["Content-Encoding"] = "gzip"
    return Response(asset.packed if packs else asset.body, media_type=asset.kind, headers=headers)
