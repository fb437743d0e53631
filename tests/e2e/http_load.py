"""A steady load of requests, each of them accounted for: build/bin/http-load, and what it says."""
import json
import subprocess
import threading

from harness import BIN, until

TIMEOUT_S = 10


class HttpLoad:
    """`enter` is what the program's command line begins with: where it runs. `keep`: connections that
    are kept, a target; 0: a new one a request."""

    def __init__(self, name, enter, targets, rate, keep=0):
        self.name, self.failed, self.said = name, [], {"answered": 0, "servers": {}}
        command = [*enter, BIN / "http-load", "--rate", rate, "--timeout", TIMEOUT_S,
                   *(["--keep", keep] if keep else []), *targets]
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "failed" in said:
                self.failed.append(said)
            else:
                self.said = said

    def await_answers(self, count):
        """Until so many more requests are answered."""
        goal = self.said["answered"] + count
        until(lambda: self.said["answered"] >= goal or self.process.poll() is not None,
              f"{self.name}: {count} more answers")

    def await_servers(self, names):
        """Until each of these has answered."""
        until(lambda: self.said["servers"].keys() >= set(names), f"{self.name}: {names} have answered")

    def end(self):
        """What is under way is still waited for. Fails when the program did."""
        self.process.stdin.close()
        self.reader.join()
        status = self.process.wait()
        self.process.stdout.close()
        if status != 0:
            raise AssertionError(f"{self.name}: http-load ended with status {status}")
        return self.failed

    def __str__(self):
        return (f"{self.name}: {self.said['answered']} answered, {len(self.failed)} lost, "
                f"{self.said.get('retried')} asked again, the slowest took {self.said.get('slowest_s')} s")
