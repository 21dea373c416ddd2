"""JSON as nobody writes it: valid, but odd; and valid JSON that was damaged."""

from __future__ import annotations

from hypothesis import strategies as st

_numbers = st.one_of(
    st.integers().map(str),
    st.floats().map(repr),
    st.sampled_from(
        ["-0", "1e5", "1E+400", "1e-400", "0.0", "NaN", "Infinity", "01", "1.", "9" * 400, "9" * 5000]
    ),
)
_strings = st.one_of(
    st.text(max_size=8).map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'),
    st.sampled_from(
        ['"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', '"$integer"', '"\\x"', '"\n"']
    ),
)
_names = st.one_of(
    _strings,
    st.sampled_from(['"a"', '"$integer"', '"$bytes"', '"$float"', '"$set"', '"\\u0024integer"', '"_id"']),
)
_scalars = st.one_of(
    _numbers,
    _strings,
    st.sampled_from(["null", "true", "false", '"AAAAAAAAAAA="', '"AAAAAAAA+H8="', '"YQ=="']),
)


def _array(items: list[str]) -> str:
    return f"[{','.join(items)}]"


def _object(fields: list[tuple[str, str]]) -> str:
    return f"{{{','.join(f'{name}:{item}' for name, item in fields)}}}"


def _containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, max_size=4).map(_array),
        # Pairs, not a dict: names repeat.
        st.lists(st.tuples(_names, inner), max_size=4).map(_object),
        st.tuples(inner, st.integers(1, 100)).map(lambda pair: "[" * pair[1] + pair[0] + "]" * pair[1]),
    )


#: JSON texts, most of them well-formed.
json_texts: st.SearchStrategy[bytes] = st.recursive(_scalars, _containers, max_leaves=12).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


@st.composite
def damaged(draw: st.DrawFn, texts: st.SearchStrategy[bytes]) -> bytes:
    """One of `texts` after some bytes were replaced, removed, repeated or added."""
    raw = bytearray(draw(texts))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(raw)))
        stop = min(len(raw), start + draw(st.integers(0, 4)))
        raw[start:stop] = draw(st.one_of(st.binary(max_size=4), st.just(bytes(raw[start:stop]) * 2)))
    return bytes(raw)


broken_json: st.SearchStrategy[bytes] = damaged(json_texts)
