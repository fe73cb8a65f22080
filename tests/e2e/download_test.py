"""scripts/download_gpt2.py with a server on the loopback device that fails in the ways of real servers."""
import hashlib
import http.server
import json
import re
import subprocess
import sys
import threading

import pytest

from support import ROOT, SHARED

# Data in place of a model, large enough for interrupted downloads. The script knows the digests of the real vocabulary, so the tests
# need the real files for that.
MODEL = hashlib.sha256(b"weights").digest() * 20000
CONFIG = json.dumps({"model_type": "gpt2"}).encode()

# What a tokenizer may have besides vocab.json and merges.txt.
TOKENIZER = {name: json.dumps({"name": name}).encode() for name in (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")}


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`; `faults` [name] lists the fault of each request for a file, in order."""

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests = files, {}, []
        self.hold, self.held = threading.Event(), threading.Event()
        self.etags = {name: f'"{hashlib.sha256(data).hexdigest()}"' for name, data in files.items()}
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/gpt2/resolve/main"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server, name = self.server, self.path.rsplit("/", 1)[1]
        server.requests.append((name, self.headers.get("Range")))
        fault = server.faults[name].pop(0) if server.faults.get(name) else None
        if name not in server.files or fault == "missing":
            return self.send_error(404)
        if fault == "busy":
            return self.send_error(503)
        if fault == "redirect":
            # As the hub does for large files: only the first answer has the digest.
            self.send_response(302)
            self.send_header("Location", f"/elsewhere/{name}")
            self.send_header("X-Linked-ETag", server.etags[name])
            self.send_header("Content-Length", "0")
            return self.end_headers()
        data = server.files[name]
        wanted = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        first = int(wanted[1]) if wanted and fault != "ignore range" else 0
        if wanted and first >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - first))
        if not self.path.startswith("/elsewhere"):
            self.send_header("ETag", server.etags[name])
        self.end_headers()
        body = data[first:]
        if fault == "corrupt":
            body = bytes([body[0] ^ 1]) + body[1:]
        if fault == "cut":
            body = body[: len(body) // 2]
            self.close_connection = True
        if fault == "hold":
            self.wfile.write(body[: len(body) // 2])
            server.held.set()
            server.hold.wait(60)
            body = body[len(body) // 2 :]
        self.wfile.write(body)


@pytest.fixture
def server():
    made = Server({"config.json": CONFIG, "model.safetensors": MODEL, "vocab.json": b"{}", "merges.txt": b"", **TOKENIZER})
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def output(tmp_path):
    return tmp_path / "gpt2"


@pytest.fixture
def digests(tmp_path, server):
    """A file with the digests of this server's vocabulary, in place of the real ones that the script knows."""
    path = tmp_path / "digests.txt"
    path.write_text("".join(f"{hashlib.sha256(server.files[name]).hexdigest()}  {name}\n" for name in ("vocab.json", "merges.txt")))
    return path


def download(server, output, *options, code=0):
    result = subprocess.run([sys.executable, ROOT / "scripts/download_gpt2.py", output, "--url", server.url, *map(str, options)],
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == code, result.stderr
    return result.stderr


def requests_of(server, name):
    return [wanted for requested, wanted in server.requests if requested == name]


def assert_complete(server, output):
    assert {path.name: path.read_bytes() for path in output.iterdir()} == server.files


def test_download(server, output, digests):
    download(server, output, "--digests", digests)
    assert_complete(server, output)


def test_second_run_downloads_nothing(server, output, digests):
    download(server, output, "--digests", digests)
    server.requests.clear()
    assert "already there" in download(server, output, "--digests", digests)
    assert server.requests == []


def test_interrupted_download_is_continued(server, output, digests):
    server.faults["model.safetensors"] = ["cut", "cut", "busy"]
    download(server, output, "--digests", digests)
    assert_complete(server, output)
    half, quarter = len(MODEL) // 2, len(MODEL) // 2 + len(MODEL) // 4
    assert requests_of(server, "model.safetensors") == [None, f"bytes={half}-", f"bytes={quarter}-", f"bytes={quarter}-"]


def test_next_run_continues_a_download(server, output, digests):
    server.faults["model.safetensors"] = ["cut"]
    assert "model.safetensors" in download(server, output, "--digests", digests, "--attempts", 1, code=2)
    assert not (output / "model.safetensors").exists()
    assert [part.stat().st_size for part in output.glob("model.safetensors.*.part")] == [len(MODEL) // 2]
    download(server, output, "--digests", digests)
    assert_complete(server, output)
    assert requests_of(server, "model.safetensors")[-1] == f"bytes={len(MODEL) // 2}-"


def test_server_that_ignores_the_range(server, output, digests):
    server.faults["model.safetensors"] = ["cut", "ignore range"]
    download(server, output, "--digests", digests)
    assert_complete(server, output)


def test_complete_part_is_renamed(server, output, digests):
    """A run was killed between the last byte and the renaming."""
    output.mkdir()
    (output / "model.safetensors.part").write_bytes(MODEL)
    download(server, output, "--digests", digests)
    assert_complete(server, output)


def test_redirected_digest_is_kept(server, output, digests):
    server.faults["model.safetensors"] = ["redirect", "corrupt", "redirect"]
    log = download(server, output, "--digests", digests)
    assert "SHA-256" in log
    assert_complete(server, output)


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.json"])
def test_corrupt_file_is_downloaded_again(server, output, digests, name):
    server.faults[name] = ["corrupt"]
    assert "SHA-256" in download(server, output, "--digests", digests)
    assert_complete(server, output)


def test_file_that_stays_corrupt_is_refused(server, output, digests):
    server.faults["model.safetensors"] = ["corrupt"] * 10
    log = download(server, output, "--digests", digests, "--attempts", 2, code=2)
    assert "SHA-256" in log and "model.safetensors" in log.splitlines()[-1]
    assert not list(output.glob("model.safetensors*"))


def test_wrong_part_is_thrown_away(server, output, digests):
    output.mkdir()
    (output / "model.safetensors.part").write_bytes(b"x" * 1000)
    download(server, output, "--digests", digests)
    assert_complete(server, output)


def test_vocabulary_is_checked_by_known_digests(server, output):
    """Without --digests the script expects the vocabulary of GPT-2, which this server does not have."""
    assert "vocab.json" in download(server, output, "--attempts", 1, code=2)
    assert not (output / "vocab.json").exists()


def test_missing_file_is_not_tried_again(server, output, digests):
    server.faults["config.json"] = ["missing"] * 10
    download(server, output, "--digests", digests, code=2)
    assert len(requests_of(server, "config.json")) == 1


def test_model_may_lack_files_of_the_tokenizer(server, output, digests):
    """The hub's gpt2 has no special_tokens_map.json and no added_tokens.json."""
    for name in "special_tokens_map.json", "added_tokens.json":
        del server.files[name]
    log = download(server, output, "--digests", digests)
    assert "special_tokens_map.json: the model has none" in log
    assert_complete(server, output)


def test_file_of_the_tokenizer_that_cannot_be_had(server, output, digests):
    """Only a server that says that there is no such file is believed."""
    server.faults["tokenizer.json"] = ["busy"] * 10
    assert "tokenizer.json" in download(server, output, "--digests", digests, "--attempts", 2, code=2)
    assert not (output / "tokenizer.json").exists()
    download(server, output, "--digests", digests, "--attempts", 10)
    assert_complete(server, output)


def test_bad_digests_file(server, output, tmp_path):
    path = tmp_path / "digests.txt"
    path.write_text("not a digest\n")
    assert "digests.txt:1" in download(server, output, "--digests", path, code=1)


def test_two_downloads_at_once(server, output, digests):
    """One that is held after half of the model, and a second one meanwhile: it takes nothing of the first, and both end well."""
    server.faults["model.safetensors"] = ["hold"]
    command = [sys.executable, ROOT / "scripts/download_gpt2.py", output, "--url", server.url, "--digests", digests]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.held.wait(60)
    parts = list(output.glob("*.part"))
    assert len(parts) == 1
    download(server, output, "--digests", digests)
    assert list(output.glob("*.part")) == parts and (output / "model.safetensors").read_bytes() == MODEL
    server.hold.set()
    log = first.communicate(timeout=60)[1]
    assert first.returncode == 0, log
    assert_complete(server, output)


def test_what_killed_downloads_left(server, output, digests):
    """The largest part is continued; the others, which nobody writes, are removed."""
    output.mkdir()
    for name, size in ("model.safetensors.node1-17.part", 500), ("model.safetensors.part", 1000), ("model.safetensors.node2-18.part", 20):
        (output / name).write_bytes(MODEL[:size])
    download(server, output, "--digests", digests)
    assert_complete(server, output)
    assert requests_of(server, "model.safetensors") == ["bytes=1000-"]


@pytest.mark.skipif(not (SHARED / "data/gpt2-tokenizer").exists(), reason="there is no GPT-2 vocabulary in ../shared/data")
def test_real_vocabulary_passes(server, output):
    for name in ("vocab.json", "merges.txt"):
        server.files[name] = (SHARED / "data/gpt2-tokenizer" / name).read_bytes()
        server.etags[name] = '"1"'
    download(server, output)
    assert_complete(server, output)
