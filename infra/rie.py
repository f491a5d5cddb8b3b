#!/usr/bin/env python3
"""Serves the functions of template.yaml at its routes without Docker. Usage: rie.py ENV_FILE. Prints `listening on URL`.

Each function runs in the Runtime Interface Emulator that ships with the SAM CLI, so this needs the SAM CLI's Python.
CORS, throttling and permissions are not emulated.
"""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import samcli
from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
EMULATOR = Path(samcli.__file__).parent / "local/rapid/aws-lambda-rie-x86_64"
# A function's timeout plus the time to start it.
PATIENCE_SECONDS = 60


class Route:
    def __init__(self, function, method, path):
        self.function, self.method, self.path = function, method, path
        self.key = path if path == "$default" else f"{method} {path}"
        pattern = re.escape(path).replace(r"\{proxy\+\}", "(?P<proxy>.+)")
        self.pattern = re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern))

    def variables(self):
        return self.path.count("{")


def routes():
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"].values()
    functions = [one for one in resources if one["Type"] == "AWS::Serverless::Function"]
    found = [
        Route(one["Metadata"]["BuildProperties"]["Binary"], event["Properties"]["Method"], event["Properties"]["Path"])
        for one in functions
        for event in one["Properties"].get("Events", {}).values()
        if event["Type"] == "HttpApi"
    ]
    default = next(route for route in found if route.path == "$default")
    # Of several matching routes, the one with the fewest variables applies.
    return sorted((route for route in found if route is not default), key=Route.variables), default


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Function:
    """The process of one function. Like on Lambda, it handles one request at a time."""

    def __init__(self, name, environment):
        self.lock = threading.Lock()
        self.port = free_port()
        # A session of its own, so that emulator and function can be killed together as a process group.
        self.process = subprocess.Popen(
            [
                str(EMULATOR),
                "--log-level", "error",
                "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
                "--runtime-api-address", f"127.0.0.1:{free_port()}",
                str(ROOT / "target/lambda" / name / "bootstrap"),
            ],
            env={"AWS_LAMBDA_FUNCTION_NAME": name, **environment},
            stdout=sys.stderr,
            start_new_session=True,
        )

    def invoke(self, event):
        url = f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations"
        end = time.monotonic() + PATIENCE_SECONDS
        with self.lock:
            while True:
                try:
                    request = urllib.request.Request(url, json.dumps(event).encode())
                    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                        return json.load(answer)
                except urllib.error.HTTPError:
                    raise
                except urllib.error.URLError as error:
                    # The emulator is still starting.
                    if not isinstance(error.reason, ConnectionRefusedError) or time.monotonic() > end:
                        raise
                    time.sleep(0.02)

    def end(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


class Gateway(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, environment):
        self.environment = environment
        self.routes, self.default = routes()
        self.functions, self.lock = {}, threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    def function(self, name):
        with self.lock:
            if name not in self.functions:
                self.functions[name] = Function(name, self.environment)
            return self.functions[name]

    def resolve(self, method, path):
        for route in self.routes:
            match = route.pattern.fullmatch(path)
            if match and route.method in (method, "ANY"):
                return route, {name: urllib.parse.unquote(value) for name, value in match.groupdict().items()}
        return self.default, {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        path, _, query = self.path.partition("?")
        route, parameters = self.server.resolve(self.command, path)
        try:
            response = self.server.function(route.function).invoke(self.event(route, path, query, parameters))
            status = response["statusCode"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"{route.function}: {error}", file=sys.stderr)
            status, response = 500, {"body": '{"message":"Internal Server Error"}'}
        body = response.get("body") or ""
        body = base64.b64decode(body) if response.get("isBase64Encoded") else body.encode()
        self.send_response(status)
        headers = list((response.get("headers") or {}).items())
        headers += [(name, one) for name, many in (response.get("multiValueHeaders") or {}).items() for one in many]
        for name, value in dict(headers).items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204 and self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def event(self, route, path, query, parameters):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        names = {name.lower() for name in self.headers}
        event = {
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": path,
            "rawQueryString": query,
            "headers": {name: ",".join(self.headers.get_all(name)) for name in names},
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "local",
                "domainName": "localhost",
                "http": {
                    "method": self.command,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": self.headers.get("User-Agent", ""),
                },
                "requestId": str(uuid.uuid4()),
                "routeKey": route.key,
                "stage": "$default",
                "timeEpoch": int(time.time() * 1000),
            },
            "isBase64Encoded": False,
        }
        values = {}
        for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
            values.setdefault(name, []).append(value)
        if values:
            event["queryStringParameters"] = {name: ",".join(many) for name, many in values.items()}
        if parameters:
            event["pathParameters"] = parameters
        if body:
            try:
                event["body"] = body.decode()
            except UnicodeDecodeError:
                event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        return event

    def log_message(self, *_):
        pass


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    environment = json.loads(Path(sys.argv[1]).read_text())["Parameters"]
    gateway = Gateway(environment)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=gateway.shutdown).start())
    print(f"listening on http://127.0.0.1:{gateway.server_port}", flush=True)
    try:
        gateway.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        for function in gateway.functions.values():
            function.end()


if __name__ == "__main__":
    main()
