"""Images in other sizes: smaller, cut, turned upright, in other formats; refused when they are none, or bombs."""

from __future__ import annotations

import io
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from support.files_app import FILES
from support.serving import Running, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running, None, None]:
    with running(tmp_path_factory.mktemp("app"), FILES, limits={"image_pixels": 1_000_000}) as server:
        yield server


def encoded(size: tuple[int, int], kind: str = "PNG", *, mode: str = "RGB", turned: bool = False) -> bytes:
    output = io.BytesIO()
    image = Image.new(mode, size, "red")
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6
    image.save(output, kind, exif=exif)
    return output.getvalue()


def address(server: Running, content: bytes, kind: str = "image/png") -> str:
    url = server.value("mutation", "pictures:upload_url")
    id = server.http.post(url, content=content, headers={"content-type": kind}).json()["storageId"]
    found: str = server.value("query", "pictures:url", file=id)
    return found


def size_of(answer: httpx.Response) -> tuple[int, int]:
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as image:
        return image.size


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("width=100", (100, 50)),
        ("height=100", (200, 100)),
        ("width=100&height=100", (100, 50)),
        ("width=100&height=100&fit=cover", (100, 100)),
        ("width=4000", (400, 200)),
        ("format=webp", (400, 200)),
    ],
)
def test_an_image_is_made_smaller(server: Running, query: str, size: tuple[int, int]) -> None:
    assert size_of(server.http.get(f"{address(server, encoded((400, 200)))}?{query}")) == size


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_it_stays_what_it_is_unless_another_format_is_asked_for(server: Running, kind: str) -> None:
    url = address(server, encoded((40, 20), kind), f"image/{kind.lower()}")
    same = server.http.get(f"{url}?width=10")
    assert same.headers["content-type"] == f"image/{kind.lower()}" and size_of(same) == (10, 5)
    other = server.http.get(f"{url}?width=10&format=jpeg")
    assert other.headers["content-type"] == "image/jpeg" and size_of(other) == (10, 5)


def test_transparency_does_not_break_jpeg(server: Running) -> None:
    assert size_of(
        server.http.get(f"{address(server, encoded((8, 8), mode='RGBA'))}?width=4&format=jpeg")
    ) == (4, 4)


def test_a_photograph_is_turned_upright(server: Running) -> None:
    url = address(server, encoded((40, 20), "JPEG", turned=True), "image/jpeg")
    assert size_of(server.http.get(f"{url}?height=20")) == (10, 20)


def test_sizes_have_tags_of_their_own(server: Running) -> None:
    url = address(server, encoded((40, 20)))
    tags = {
        server.http.get(f"{url}{query}").headers["etag"]
        for query in ("", "?width=5", "?width=6", "?format=webp")
    }
    assert len(tags) == 4
    again = server.http.get(
        f"{url}?width=5", headers={"if-none-match": server.http.get(f"{url}?width=5").headers["etag"]}
    )
    assert again.status_code == 304
    assert server.http.head(f"{url}?width=5").headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("width=0", 400),
        ("width=-5", 400),
        ("width=4097", 400),
        ("width=x", 400),
        ("height=99999999999", 400),
        ("format=tiff", 400),
        ("width=5&fit=fill", 400),
        ("width=5&fit=cover", 400),
    ],
)
def test_a_wrong_size_is_refused(server: Running, query: str, status: int) -> None:
    assert server.http.get(f"{address(server, encoded((40, 20)))}?{query}").status_code == status


def test_what_is_no_image_or_too_large_a_one_is_refused(server: Running) -> None:
    assert server.http.get(f"{address(server, b'text', 'text/plain')}?width=5").status_code == 415
    assert server.http.get(f"{address(server, b'text', 'image/png')}?width=5").status_code == 422
    assert server.http.get(f"{address(server, encoded((40, 20))[:60])}?width=5").status_code == 422
    bomb = server.http.get(f"{address(server, encoded((2000, 2000)))}?width=5")
    assert (bomb.status_code, bomb.json()["code"]) == (413, "ImageTooLarge")
    assert server.http.get(address(server, b"text", "image/png")).text == "text", "as it is, it is served"


def test_made_images_are_kept_within_a_limit(tmp_path: Path) -> None:
    with running(tmp_path, FILES, limits={"image_cache_bytes": 2000}) as server:
        url = address(server, encoded((400, 200)))
        for width in range(50, 90):
            assert size_of(server.http.get(f"{url}?width={width}"))[0] == width
