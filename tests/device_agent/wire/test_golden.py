"""Released bytes decode as they always did."""

import json
from pathlib import Path

import pytest

from device_agent.wire import WireError, decode_pack, encode_pack

GOLDEN = Path(__file__).parent / "golden"
MESSAGES = sorted(p for p in GOLDEN.glob("v*/*") if p.suffix in {".json", ".cbor"})


@pytest.mark.parametrize("path", MESSAGES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_message_decodes_to_what_is_written_beside_it(path):
    expected = json.loads(path.with_suffix(".expected").read_text())
    if "error" in expected:
        with pytest.raises(WireError) as caught:
            decode_pack(path.read_bytes(), device_id="dev-1", received_s=1_790_000_000.0)
        assert caught.value.field == expected["error"]
        return
    pack = decode_pack(path.read_bytes(), device_id="dev-1", received_s=1_790_000_000.0)
    rows = zip(pack.names, pack.times_s, pack.values, pack.units, strict=True)
    found = {
        "boot": pack.boot,
        "seq": pack.seq,
        "readings": [list(row) for row in rows],
        "texts": [[text.name, text.time_s, text.text] for text in pack.texts],
    }
    assert found == expected


@pytest.mark.parametrize("form", ["json", "cbor"])
def test_our_own_packs_are_still_encoded_to_the_released_bytes(form):
    """The server may be older than the agent: new bytes need a new version folder."""
    payload = (GOLDEN / "v1" / f"agent.{form}").read_bytes()
    pack = decode_pack(payload, device_id="dev-1", received_s=0.0)
    assert encode_pack(pack, device_id="dev-1", form=form) == payload


def test_there_are_messages():
    assert len(MESSAGES) > 30
