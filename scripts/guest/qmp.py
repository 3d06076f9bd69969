# SPDX-License-Identifier: GPL-2.0
"""qmp.py: does what the guest asks for to its machine, until QEMU ends.

It makes two sockets in the current directory, and says "ready" when QEMU can connect to them: "qmp"
and "line", which is a serial line of the guest. For each line that the guest sends, it does one of

  screendump NAME   saves what the screen shows, as NAME.png in QEMU's current directory
  add-memory MIB    adds a memory device of that size, which QEMU has to have a slot for
  add-edu BUS       plugs an edu device, "edu", into that bus, when the one before is gone
  remove-edu BUS    has the guest told that it is to let go of that device, which is unplugged then

and then sends one byte back.
"""

import json
import socket
import sys


def listen(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    return listener


# The devices that the guest was told to let go of, and has not yet.
leaving = set()


def receive(qmp):
    """Yields what QEMU sends, and notes which device is gone."""
    for line in qmp:
        answer = json.loads(line)
        if answer.get("event") == "DEVICE_DELETED":
            leaving.discard(answer["data"].get("device"))
        yield answer


def execute(qmp, command, **arguments):
    """Sends a command, and waits for its answer; what comes in between are events."""
    print(json.dumps({"execute": command, "arguments": arguments}), file=qmp, flush=True)
    for answer in receive(qmp):
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
for request in guest:
    command, argument = request.split()
    if command == "screendump":
        execute(qmp, "screendump", filename=f"{argument}.png", format="png")
    elif command == "add-memory":
        size = int(argument) << 20
        execute(qmp, "object-add", **{"qom-type": "memory-backend-ram", "id": "added", "size": size})
        execute(qmp, "device_add", driver="pc-dimm", id="dimm", memdev="added")
    elif command == "add-edu":
        answers = receive(qmp)
        while leaving and next(answers, None):
            pass
        execute(qmp, "device_add", driver="edu", id="edu", bus=argument)
    elif command == "remove-edu":
        leaving.add("edu")
        execute(qmp, "device_del", id="edu")
    else:
        sys.exit(f"simple: error: the guest asks for {request!r}")
    print("+", end="", file=guest, flush=True)
