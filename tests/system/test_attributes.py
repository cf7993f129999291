"""What is changed of an instance, as the instance itself sees it once it has booted."""

from __future__ import annotations

from tests.system.place import Plane

# A plain process has the machine's name; that of its instance is told by its environment.
_SHOW_NAME = 'echo "${HOSTNAME:-$(hostname)}"'


def test_an_instance_has_the_name_that_it_was_given_before_its_boot(either: Plane) -> None:
    made = either.call("CreateInstance", HostName="before")["InstanceId"]
    either.wait([made], "Stopped")
    either.call("ModifyInstanceAttribute", InstanceId=made, HostName="after")
    either.call("StartInstance", InstanceId=made)
    either.wait([made])
    assert either.run(made, _SHOW_NAME).output == b"after\n"

    either.call("ModifyInstanceAttribute", InstanceId=made, HostName="again")
    assert either.run(made, _SHOW_NAME).output == b"after\n"
    either.call("RebootInstance", InstanceId=made)
    either.wait([made])
    assert either.run(made, _SHOW_NAME).output == b"again\n"
    either.release([made])
