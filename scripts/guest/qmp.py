# SPDX-License-Identifier: GPL-2.0
"""qmp.py: changes the guest's machine by QEMU's QMP, as the guest asks for it, until QEMU ends.

It makes two sockets in the current directory, and prints "ready" when QEMU can connect to them: "qmp",
and "line", which is a serial line of the guest. The guest sends commands, one a line:

  screendump NAME   saves what the screen shows as NAME.png in QEMU's current directory
  add-memory MIB    adds a memory device of that size; QEMU must have been started with a free slot
  add-edu BUS       plugs a device "edu" into that bus, as soon as a removed one is unplugged
  remove-edu BUS    asks the guest's kernel to release that device, upon which QEMU unplugs it

After each command it sends one byte to the guest.
"""

import json
import socket
import sys


def listen(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    return listener


# The devices that the guest was asked to release, and that are not unplugged yet.
leaving = set()


def receive(qmp):
    """Yields each message of QEMU's, and notes which device was unplugged."""
    for line in qmp:
        answer = json.loads(line)
        if answer.get("event") == "DEVICE_DELETED":
            leaving.discard(answer["data"].get("device"))
        yield answer


def execute(qmp, command, **arguments):
    """Sends a command, and waits for its answer, skipping events."""
    print(json.dumps({"execute": command, "arguments": arguments}), file=qmp, flush=True)
    for answer in receive(qmp):
        if "error" in answer:
            # End QEMU, as the guest would wait for its byte until it is killed for its silence.
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
