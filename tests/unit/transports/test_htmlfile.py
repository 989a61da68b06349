"""The framing of htmlfile."""

from __future__ import annotations

from txsockjs.transports import htmlfile


def test_no_message_can_close_a_script() -> None:
    wrapped = htmlfile.wrap(b'a["</script><!--\\"\\\\"]')
    assert wrapped == (
        b'<script>\np("a[\\"\\u003c/script>\\u003c!--\\\\\\"\\\\\\\\\\"]");\n</script>\r\n'
    )


def test_an_htmlfile_page_is_long_enough_to_be_rendered() -> None:
    prelude = htmlfile.framing("cb").prelude
    assert len(prelude) > 1024
    assert prelude.endswith(b" \r\n\r\n")
    assert b"var c = parent.cb;" in prelude
