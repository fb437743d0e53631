"""The daemon's API without the docker client, for what the client does not do."""
import http.client
import json
import socket


class Api(http.client.HTTPConnection):
    def __init__(self, path, timeout_s=60):
        super().__init__("localhost", timeout=timeout_s)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def call(path, method, target, body=None, headers=None):
    """(status, message or document); a body that is no text or bytes is sent as JSON."""
    api = Api(path)
    data = body if isinstance(body, (bytes, str, type(None))) else json.dumps(body)
    api.request(method, "/v1.44" + target, data,
                {"Content-Type": "application/json", **(headers or {})})
    answer = api.getresponse()
    raw = answer.read()
    api.close()
    try:
        document = json.loads(raw)
    except ValueError:
        document = raw.decode(errors="replace")
    message = document.get("message", document) if isinstance(document, dict) else document
    return answer.status, message
