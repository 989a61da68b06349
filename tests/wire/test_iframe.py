"""The cross-domain iframe page (protocol, section 3)."""

import pytest

from ..support.checks import assert_cached_for_a_year, assert_no_cookie
from .conftest import SOCKJS_URL

PAGE = f"""<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="{SOCKJS_URL}"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>
"""

NAMES = [
    "/iframe.html",
    "/iframe-a.html",
    "/iframe-.html",
    "/iframe-0.1.2.html",
    "/iframe-0.1.2abc-dirty.2144.html",
    "/iframe1.html",
    "/iframe_x.html",
    "/iframe..html",
]


@pytest.mark.parametrize("name", [*NAMES, "/iframe.html?t=1", "/iframe-a.html?t=2&x"])
def test_the_page_byte_for_byte(site, name):
    answer = site.get("/echo" + name)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"
    # The text may or may not end in a newline; no browser sees the difference.
    assert answer.text.rstrip("\n") == PAGE.rstrip("\n")
    assert_cached_for_a_year(answer)
    assert_no_cookie(answer)


@pytest.mark.parametrize(
    "name",
    [
        "/iframe.htm",
        "/iframe",
        "/IFRAME.HTML",
        "/IFRAME",
        "/iframe.HTML",
        "/iframe.xml",
        "/iframe-/.html",
        "/iframe-A.html",
        "/iframe-%20.html",
        "/iframe.html/",
        "/iframe.html.",
        "/xiframe.html",
    ],
)
def test_no_other_name_gives_the_page(site, name):
    assert site.get("/echo" + name).status == 404


def test_the_page_has_one_strong_etag_under_all_its_names(site):
    etags = {site.get("/echo" + name).headers["etag"] for name in [*NAMES, "/iframe.html?t=1"]}
    assert len(etags) == 1
    (etag,) = etags
    assert etag.startswith('"') and etag.endswith('"') and len(etag) > 2


@pytest.mark.parametrize("wanted", ["{}", '"other", {}', '{}, "other"'])
def test_a_client_that_has_the_page_gets_304(site, wanted):
    etag = site.get("/echo/iframe.html").headers["etag"]
    answer = site.get("/echo/iframe-x.html?t=3", {"If-None-Match": wanted.format(etag)})
    assert answer.status == 304
    assert answer.headers["etag"] == etag
    assert "content-type" not in answer.headers
    assert "set-cookie" not in answer.headers


def test_304_has_no_body(site):
    peer = site.connect()
    peer.ask("GET", "/echo/iframe.html")
    etag = peer.response().headers["etag"]
    peer.ask("GET", "/echo/iframe.html", {"If-None-Match": etag})
    assert peer.head().status == 304
    peer.ask("GET", "/echo")
    assert peer.response().status == 200, "a body of the 304 would stand here"


@pytest.mark.parametrize("wanted", ['"other"', "other", "", '"', "W/x"])
def test_a_client_that_has_another_page_gets_this_one(site, wanted):
    assert site.get("/echo/iframe.html", {"If-None-Match": wanted}).status == 200


def test_the_page_loads_a_client_by_default(lab):
    assert '<script src="https://' in lab.get("/puppet/iframe.html").text


def test_no_cookie_comes_with_the_page(site):
    assert_no_cookie(site.get("/cookie_needed_echo/iframe.html", {"Cookie": "JSESSIONID=x"}))
