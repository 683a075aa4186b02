"""What a server must refuse, each with the status that says why, while it goes on serving others."""

import base64
import io
import json
import socket
import time
import zlib
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image as image

NUMBERS = "[1,2,3]"


def png(width, height, *, cut=None):
    file = io.BytesIO()
    image.new("L", (width, height)).save(file, "PNG")
    return base64.b64encode(file.getvalue()[:cut]).decode()


def bomb():
    """A PNG of 50,000² pixels in its header."""
    header = b"IHDR" + (50_000).to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    chunk = (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    data = (1).to_bytes(4, "big") + b"IDAT\0" + zlib.crc32(b"IDAT\0").to_bytes(4, "big")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk + data).decode()


def saved(kind, mode="RGB", *, after=b"", cut=None, **options):
    file = io.BytesIO()
    picture = image.new("RGB", (9, 9), (120, 130, 140))
    if mode == "I;16":
        picture = image.fromarray(np.full((9, 9), 30_000, np.uint16))
    picture.convert(mode).save(file, kind, **options)
    return base64.b64encode(file.getvalue()[:cut] + after).decode()


QUERIES = {
    # k and parameters
    "k 0": ('{"vector":[1,2,3],"k":0}', 400, "k"),
    "k -1": ('{"vector":[1,2,3],"k":-1}', 400, "k"),
    "k 1.5": ('{"vector":[1,2,3],"k":1.5}', 400, "k"),
    "k as text": ('{"vector":[1,2,3],"k":"10"}', 400, "k"),
    "k true": ('{"vector":[1,2,3],"k":true}', 400, "k"),
    "k 2**70": ('{"vector":[1,2,3],"k":1180591620717411303424}', 400, ""),
    "k 1e30": ('{"vector":[1,2,3],"k":1e30}', 400, ""),
    "k beyond the limit": ('{"vector":[1,2,3],"k":1001}', 400, "--max-k"),
    "unknown key": ('{"vector":[1,2,3],"kk":3}', 400, "Did you mean 'k'?"),
    "unknown field": ('{"vector":[1,2,3],"where":{"colour":1}}', 400, "colour"),
    "unknown operation": ('{"vector":[1,2,3],"where":{"row":{"like":1}}}', 400, "like"),
    "where as a list": ('{"vector":[1,2,3],"where":[1]}', 400, "where"),
    "endless where": ('{"vector":[1,2,3],"where":' + '{"not":' * 60 + '{"row":1}' + "}" * 61, 400, "levels"),
    "repeated key": ('{"vector":[1,2,3],"k":1,"k":2}', 400, "twice"),
    "repeated key, escaped": ('{"vector":[1,2,3],"k":1,"\\u006b":2}', 400, "twice"),
    "nothing to look for": ('{"k":3}', 400, "one of vector"),
    "two things to look for": ('{"vector":[1,2,3],"id":3}', 400, "vector and id"),
    # vectors
    "NaN": ('{"vector":[NaN,2,3]}', 400, "JSON"),
    "minus infinity": ('{"vector":[-Infinity,2,3]}', 400, "JSON"),
    "a null among numbers": ('{"vector":[1,null,3]}', 400, "float"),
    "a null": ('{"vector":null}', 400, "one of vector"),
    "a number alone": ('{"vector":3}', 400, "array"),
    "65,536 numbers": ('{"vector":[' + ",".join("1" * 65_536) + "]}", 409, "has 65536"),
    "infinity": ('{"vector":[Infinity,2,3]}', 400, "JSON"),
    "1e999": ('{"vector":[1e999,2,3]}', 400, ""),
    "1e300": ('{"vector":[1e300,2,3]}', 422, "row 0"),
    "a norm beyond float32": ('{"vector":[1e30,1e30,-1e30]}', 422, "row 0"),
    "all zeros": ('{"vector":[0,0,0]}', 422, "all zeros"),
    "another dimension": ('{"vector":[1,2]}', 409, "has 2"),
    "no numbers": ('{"vector":[]}', 409, "has 0"),
    "ragged": ('{"vectors":[[1,2,3],[1]]}', 409, "query 1 has 1"),
    "strings": ('{"vector":["a","b","c"]}', 400, "float"),
    "booleans": ('{"vector":[true,false,true]}', 400, "float"),
    "three levels": ('{"vectors":[[[1,2,3]]]}', 400, "float"),
    "too many queries": ('{"vectors":[' + ",".join([NUMBERS] * 257) + "]}", 413, "--batch"),
    "too many neighbours": (
        '{"k":1000,"include":["vector"],"vectors":[' + ",".join([NUMBERS] * 101) + "]}",
        413,
        "--max-neighbors",
    ),
    # ids
    "an id that is not there": ('{"id":"nobody"}', 404, "nobody"),
    "a float id": ('{"id":1.5}', 400, "id"),
    "an empty id": ('{"id":""}', 400, "id"),
    "an id of 2**64": ('{"id":18446744073709551616}', 400, "id"),
    # JSON
    "no JSON": ("vector", 400, "JSON"),
    "no object": ("[]", 400, "object"),
    "empty": ("", 400, "JSON"),
    "cut": ('{"vector":[1,2', 400, "JSON"),
    "deep lists": ('{"vector":' + "[" * 100_000, 400, ""),
    "deep unknown": ('{"x":' + "[" * 100_000 + "]" * 100_000 + "}", 400, ""),
    "deep where": ('{"vector":[1,2,3],"where":' + '{"not":' * 9000 + "1" + "}" * 9001, 400, ""),
    "no UTF-8": (b'{"text":"\xff\xfe"}', 400, ""),
    "lone surrogate": ('{"id":"\\ud800"}', 400, ""),
    # images
    "image of zero bytes": ('{"image":""}', 415, "whole image"),
    "no base64": ('{"image":"%%%"}', 400, "base64"),
    "cut JPEG": (json.dumps({"image": saved("JPEG", cut=-200)}), 415, "whole image"),
    "HEIC": (json.dumps({"image": base64.b64encode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").decode()}), 415, ""),
    "a program": (json.dumps({"image": base64.b64encode(b"#!/bin/sh\n").decode()}), 415, ""),
    "cut image": (json.dumps({"image": png(300, 300, cut=-30)}), 415, "whole image"),
    "image bomb": (json.dumps({"image": bomb()}), 413, "pixels"),
    "TIFF": (json.dumps({"image": saved("TIFF")}), 415, "JPEG, PNG, WEBP"),
    "GIF": (json.dumps({"image": saved("GIF")}), 415, "JPEG, PNG, WEBP"),
    "SVG": (json.dumps({"image": base64.b64encode(b"<svg/>").decode()}), 415, ""),
    "address of an image": ('{"image":"https://example.org/cat.png"}', 400, "base64"),
    "one of several images": (json.dumps({"images": [png(3, 3), saved("GIF")]}), 415, "image 1: "),
    "no base64 among images": (json.dumps({"images": [png(3, 3), "%%%"]}), 400, "image 1: "),
    "too many images": (json.dumps({"images": [png(3, 3)] * 257}), 413, "--batch"),
    "an image and images": (json.dumps({"image": png(3, 3), "images": []}), 400, "got image and images"),
    "text for a model of images": ('{"text":"a cat"}', 422, "embeds images"),
    "texts for a model of images": ('{"texts":["a cat"]}', 422, "embeds images"),
}


@pytest.mark.parametrize("name", QUERIES)
def test_bad_query(shelf, name):
    raw, expected, words = QUERIES[name]
    status, headers, body = shelf[0].query(None, raw=raw if isinstance(raw, bytes) else raw.encode())
    assert (status, headers["content-type"]) == (expected, "application/problem+json"), body
    assert words in body["detail"]
    assert body["status"] == expected
    assert body["request_id"] == headers["x-request-id"]


ITEMS = {
    "metadata of 20 kB": ({"id": 1, "vector": [1, 2, 3], "metadata": {"a": "x" * 20_000}}, 413, "--metadata-bytes"),
    "metadata of 9 levels": (
        {"id": 1, "vector": [1, 2, 3], "metadata": {"a": [[[[[[[[1]]]]]]]]}},
        413,
        "--metadata-depth",
    ),
    "id that climbs": ({"id": "../../etc", "vector": [1, 2, 3]}, 422, "climb"),
    "id with NUL": ({"id": "a\0b", "vector": [1, 2, 3]}, 422, "NUL"),
    "id of 600 bytes": ({"id": "é" * 300, "vector": [1, 2, 3]}, 422, "512"),
    "id that means missing": ({"id": -1, "vector": [1, 2, 3]}, 422, "-1"),
    "id true": ({"id": True, "vector": [1, 2, 3]}, 400, "id"),
    "id null": ({"id": None, "vector": [1, 2, 3]}, 400, "id"),
    "id empty": ({"id": "", "vector": [1, 2, 3]}, 400, "id"),
    "id of 200 kB": ({"id": "x" * 200_000, "vector": [1, 2, 3]}, 400, "id"),
    "id with half a character": ({"id": "\ud800", "vector": [1, 2, 3]}, 400, ""),
    "vector of zeros": ({"id": 1, "vector": [0, 0, 0]}, 422, "all zeros"),
    "vector beyond float32": ({"id": 1, "vector": [1e300, 1, 1]}, 422, "row 0"),
    "vector of another width": ({"id": 1, "vector": [1, 2]}, 409, "has 2"),
    "two sources": ({"id": 1, "vector": [1, 2, 3], "text": "a"}, 400, "vector and text"),
    "metadata as a list": ({"id": 1, "vector": [1, 2, 3], "metadata": [1]}, 400, "metadata"),
    "no id": ({"vector": [1, 2, 3]}, 400, "id"),
    "no vector": ({"id": 1}, 400, "item 0"),
    "label of 2000 characters": ({"id": 1, "vector": [1, 2, 3], "label": "x" * 2000}, 422, "1024"),
    "label as a list": ({"id": 1, "vector": [1, 2, 3], "label": [1]}, 400, "label"),
    "misspelt key": ({"id": 1, "vector": [1, 2, 3], "labels": "a"}, 400, "Did you mean 'label'?"),
    "number beyond 64 bits": ({"id": 1, "vector": [1, 2, 3], "metadata": {"a": 2**70}}, 422, "64 bits"),
}


@pytest.mark.parametrize("name", ITEMS)
def test_bad_item(shelf, name):
    item, expected, words = ITEMS[name]
    before = shelf[0].ask("GET", "/v1/indexes/shelf")[2]["size"]
    status, _, body = shelf[0].ask("POST", "/v1/indexes/shelf/items:batch", {"items": [item]})
    assert (status, words in body["detail"]) == (expected, True), body
    assert shelf[0].ask("GET", "/v1/indexes/shelf")[2]["size"] == before


def test_item_with_endless_metadata__is_400(shelf):
    deep = b'{"items":[{"id":1,"vector":[1,2,3],"metadata":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}]}"
    assert shelf[0].ask("POST", "/v1/indexes/shelf/items:batch", raw=deep)[0] == 400


def test_ids_that_look_alike__are_two(shelf):
    """One of a letter with an accent, one of a letter and an accent; one that is written from right to left."""
    names = ["caf\u00e9", "cafe\u0301", "\u202eright", "\U0001f40d"]
    items = {"items": [{"id": name, "vector": [row + 1, 2, 3]} for row, name in enumerate(names)]}
    assert shelf[0].ask("POST", "/v1/indexes/shelf/items:batch", items)[2] == {"upserted": 4}
    for row, name in enumerate(names):
        path = f"/v1/indexes/shelf/items/{quote(name)}"
        assert shelf[0].ask("GET", path)[2]["vector"] == [row + 1, 2, 3]
        assert shelf[0].ask("DELETE", path)[2] == {"deleted": 1}


def test_items__an_id_twice_in_a_batch__adds_none(shelf):
    items = {"items": [{"id": "twin", "vector": [1, 2, 3]}, {"id": "twin", "vector": [3, 2, 1]}]}
    assert shelf[0].ask("POST", "/v1/indexes/shelf/items:batch", items)[0] == 422
    assert shelf[0].ask("GET", "/v1/indexes/shelf/items/twin")[0] == 404


def test_items__no_items__is_no_error(shelf):
    assert shelf[0].ask("POST", "/v1/indexes/shelf/items:batch", {"items": []})[2] == {"upserted": 0}


HEADERS = {
    "another host": ("POST", "/v1/indexes/shelf/query", {"host": "evil.example"}, 421),
    "another origin": ("POST", "/v1/indexes/shelf/query", {"origin": "https://evil.example"}, 403),
    "a form": ("POST", "/v1/indexes/shelf/query", {"content-type": "application/x-www-form-urlencoded"}, 415),
    "no type": ("POST", "/v1/indexes/shelf/query", {"content-type": ""}, 415),
    "gzip": ("POST", "/v1/indexes/shelf/query", {"content-encoding": "gzip"}, 415),
    "no such index": ("POST", "/v1/indexes/other/query", {}, 404),
    "no such path": ("POST", "/v2/everything", {}, 404),
    "climbing path": ("GET", "/v1/indexes/%2e%2e%2f%2e%2e%2fetc", {}, 404),
    "NUL in a path": ("GET", "/v1/indexes/a%00b", {}, 404),
    "semicolon": ("GET", "/v1/indexes;a=b", {}, 404),
    "another method": ("PUT", "/v1/indexes/shelf/query", {}, 405),
    "a change by GET": ("GET", "/v1/indexes/shelf/items:batch", {}, 405),
    "HEAD": ("HEAD", "/v1/indexes", {}, 405),
    "TRACE": ("TRACE", "/v1/indexes", {}, 405),
    "an id that is no UTF-8": ("GET", "/v1/indexes/shelf/items/%ff", {}, 400),
}


@pytest.mark.parametrize("name", HEADERS)
def test_bad_request_line_or_header(shelf, name):
    method, path, headers, expected = HEADERS[name]
    raw = b'{"vector":[1,2,3]}' if method == "POST" else None
    assert shelf[0].ask(method, path, raw=raw, headers=headers)[0] == expected


def talk(client, content, *, wait=3.0):
    """Send bytes, and return what comes until the server closes or stays silent."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=wait) as connection:
        connection.sendall(content)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except TimeoutError:
            answer += b"<still open>"
        return answer


def http(*headers, body=b"", line="POST /v1/indexes/shelf/query HTTP/1.1"):
    return "\r\n".join([line, "host: localhost", "content-type: application/json", *headers, "", ""]).encode() + body


BODY = b'{"vector":[1,2,3]}'
RAW = {
    "no length": (http(), b"400", b"JSON"),
    "body beyond the limit": (http("content-length: 500000"), b"413", b"--body-bytes"),
    "chunks beyond the limit": (
        http("transfer-encoding: chunked", body=b"61a8a\r\n" + b" " * 400_010),
        b"413",
        b"--body-bytes",
    ),
    "negative length": (http("content-length: -5", body=BODY), b"400", b""),
    "two lengths": (http("content-length: 18", "content-length: 5", body=BODY), b"400", b""),
    "length and chunks": (
        http("content-length: 18", "transfer-encoding: chunked", body=b"0\r\n\r\n"),
        b"400",
        b"",
    ),
    "a body that never comes": (http("content-length: 18"), b"408", b"--read-timeout"),
    "no HTTP": (b"\x16\x03\x01 what is this\r\n\r\n", b"400", b""),
}


@pytest.mark.parametrize("name", RAW)
def test_bad_bytes(shelf, name):
    content, status, words = RAW[name]
    answer = talk(shelf[0], content)
    assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert words in answer
    kept = name == "no length"  # it is whole, and says that there is no body
    assert answer.endswith(b"<still open>") == kept, "a connection in doubt is closed"


def test_http_1_0__is_answered(shelf):
    request = http(f"content-length: {len(BODY)}", body=BODY, line="POST /v1/indexes/shelf/query HTTP/1.0")
    assert talk(shelf[0], request).startswith(b"HTTP/1.1 200")


def test_header_of_8_kilobytes__is_answered(shelf):
    request = http(f"content-length: {len(BODY)}", "x-long: " + "x" * 9000, body=BODY)
    assert talk(shelf[0], request, wait=1.0).startswith(b"HTTP/1.1 200")


def test_headers_without_end__are_refused_long_before_the_timeout(shelf):
    with socket.create_connection(("127.0.0.1", shelf[0].port), timeout=0.01) as connection:
        connection.sendall(http(f"content-length: {len(BODY)}")[:-2])
        sent, answer = 0, b""
        while not answer:
            connection.sendall(b"x-more: " + b"x" * 1000 + b"\r\n")
            sent += 1010
            assert sent < 200_000
            try:
                answer = connection.recv(1000)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 431")


def test_options__tells_what_there_is(shelf):
    status, headers, _ = shelf[0].ask("OPTIONS", "/v1/indexes/shelf/query")
    assert status == 204
    assert "POST" in headers["allow"]


def test_empty_lines_on_an_open_connection__do_not_keep_it_open(shelf):
    """They are no request, and end the wait for one; the wait for headers must begin then."""
    with socket.create_connection(("127.0.0.1", shelf[0].port), timeout=5) as connection:
        connection.sendall(http(f"content-length: {len(BODY)}", body=BODY))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        started = time.monotonic()
        connection.sendall(b"\r\n\r\n")
        while connection.recv(65536):
            continue
        assert time.monotonic() - started < 3


def test_half_a_header__is_closed_after_the_read_timeout_and_nobody_waits(shelf):
    started = time.monotonic()
    idle = [socket.create_connection(("127.0.0.1", shelf[0].port), timeout=5) for _ in range(50)]
    for connection in idle:
        connection.sendall(b"POST /v1/indexes/shelf/query HTTP/1.1\r\nhost: loc")
    assert shelf[0].query({"vector": [1, 2, 3]})[0] == 200
    for connection in idle:
        assert connection.recv(100) == b""
        connection.close()
    assert time.monotonic() - started < 5


def test_a_client_that_leaves__harms_nobody(shelf):
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", shelf[0].port))
        connection.sendall(http(f"content-length: {len(BODY)}", body=BODY))
        connection.close()
    assert shelf[0].query({"vector": [1, 2, 3]})[0] == 200


def test_unusual_numbers__are_searched_as_they_are(shelf):
    for vector in ([-0.0, 1, 0], [1e-40, 1, 0], np.float32([1, 1, 1]).tolist()):
        assert shelf[0].query({"vector": vector, "k": 1})[0] == 200


IMAGES = {
    "grey": saved("PNG", "L"),
    "grey of 16 bits": saved("PNG", "I;16"),
    "palette": saved("PNG", "P"),
    "palette with a transparent colour": saved("PNG", "P", transparency=0),
    "palette with alpha": saved("PNG", "P", transparency=bytes([0, 128, 255] * 85)),
    "grey with alpha": saved("PNG", "LA"),
    "alpha": saved("WEBP", "RGBA"),
    "black and white": saved("PNG", "1"),
    "four inks": saved("JPEG", "CMYK"),
    "turned": saved("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"),
    "moving": saved("WEBP", save_all=True, append_images=[image.new("RGB", (9, 9), 200)]),
    "with something behind it": saved("PNG", after=b"<script>alert(1)</script>PK\x05\x06" + b"\0" * 18),
}


@pytest.mark.parametrize("name", IMAGES)
def test_unusual_image__is_searched(shelf, name):
    status, _, body = shelf[0].query({"image": IMAGES[name], "k": 1})
    assert status == 200, body
    assert len(body["results"][0]) == 1


def test_k_beyond_the_index_and_a_filter_of_nothing__find_what_there_is(shelf):
    assert len(shelf[0].query({"vector": [1, 2, 3], "k": 1000})[2]["results"][0]) == 300
    assert shelf[0].query({"vector": [1, 2, 3], "where": {"row": -1}})[2] == {"results": [[]]}
    nothing = {"vectors": [[1, 2, 3], [3, 2, 1]], "where": {"row": -1}}
    assert shelf[0].query(nothing)[2] == {"results": [[], []]}
    assert shelf[0].query({"vectors": []})[2] == {"results": []}
