# SPDX-License-Identifier: GPL-2.0
"""screendump.py: takes screendumps when the guest asks for them, until QEMU ends.

It makes two sockets in the current directory, and says "ready" when QEMU can connect to them: "qmp"
and "line", which is a serial line of the guest. For each line NAME that the guest sends, the screen
goes to NAME.png in QEMU's current directory, and one byte back to the guest.
"""

import json
import socket
import sys


def listen(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    return listener


def execute(qmp, command, **arguments):
    """Sends a command, and waits for its answer; what comes in between are events."""
    print(json.dumps({"execute": command, "arguments": arguments}), file=qmp, flush=True)
    for line in qmp:
        answer = json.loads(line)
        if "error" in answer:
            # The guest would wait for its answer until its time is up.
            print(json.dumps({"execute": "quit"}), file=qmp, flush=True)
            sys.exit(f"simple: error: QEMU's {command}: {answer['error']['desc']}")
        if "return" in answer:
            return
    sys.exit(f"simple: error: QEMU ended before it answered {command}")


listeners = [listen("qmp"), listen("line")]
print("ready", flush=True)
qmp, guest = [listener.accept()[0].makefile("rw") for listener in listeners]

execute(qmp, "qmp_capabilities")
for name in guest:
    execute(qmp, "screendump", filename=f"{name.strip()}.png", format="png")
    print("+", end="", file=guest, flush=True)
