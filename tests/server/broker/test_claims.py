import stat

import nkeys
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.broker.claims import ClaimsError, SigningKey, decode, encode, load_or_create_key

KEY = SigningKey.generate(nkeys.PREFIX_BYTE_ACCOUNT)
claims = st.dictionaries(
    st.text(max_size=10).filter(lambda k: k not in {"iss", "iat", "jti"}),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5),
    max_size=5,
)


@given(claims)
def test_what_was_encoded_is_decoded(body):
    decoded = decode(encode(body, KEY, issued_at_s=1_700_000_000.5))
    assert decoded.pop("jti")
    assert decoded == {**body, "iss": KEY.public, "iat": 1_700_000_000}


@given(st.binary(max_size=300))
def test_any_bytes_are_claims_or_a_claims_error(token):
    with pytest.raises(ClaimsError):
        decode(token)


@given(st.data())
def test_a_changed_token_is_refused(data):
    token = encode({"sub": "x"}, KEY, issued_at_s=0)
    # The last character of each base64 part carries spare bits: changing those changes nothing.
    spare = {len(part) for part in _ends(token)}
    at = data.draw(st.integers(0, len(token) - 1).filter(lambda i: i + 1 not in spare))
    other = data.draw(st.sampled_from("abcXYZ019_-.").filter(lambda c: c != token[at]))
    with pytest.raises(ClaimsError):
        decode(token[:at] + other + token[at + 1 :])


def _ends(token):
    parts = token.split(".")
    return [".".join(parts[: n + 1]) for n in range(3)]


def test_another_keys_signature_is_refused():
    other = SigningKey.generate(nkeys.PREFIX_BYTE_ACCOUNT)
    header, body, _ = encode({"sub": "x"}, KEY, issued_at_s=0).split(".")
    _, _, signature = encode({"sub": "x"}, other, issued_at_s=0).split(".")
    with pytest.raises(ClaimsError, match="signature"):
        decode(f"{header}.{body}.{signature}")


def test_key_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    path = tmp_path / "account.seed"
    first = load_or_create_key(path, nkeys.PREFIX_BYTE_ACCOUNT)
    assert first.public.startswith("A")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create_key(path, nkeys.PREFIX_BYTE_ACCOUNT).public == first.public
