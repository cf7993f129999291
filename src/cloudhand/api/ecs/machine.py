"""What an answer says of every instance alike: facts of this machine, and constants.

The constants stand for what does not exist here (networks, disks, bills) and are all in this
module. A filter on one of them matches every instance or none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

IMAGE_ID = "cloudhand_sandbox"
INSTANCE_TYPE = "ecs.cloudhand.sandbox"
OS_NAME = "Linux sandbox on the machine that runs Cloudhand"
VPC_ID = "vpc-cloudhand"
VSWITCH_ID = "vsw-cloudhand"
SECURITY_GROUP_ID = "sg-cloudhand"

VPC_CIDR = "172.16.0.0/12"
VSWITCH_CIDR = "172.16.0.0/16"
NAME = "cloudhand"  # of the network, its switch and its group
SINCE = "2014-05-26T00:00:00Z"  # from when on all of that has been here, since nobody made it

# By the name of the filter of DescribeInstances: the value that matches every instance.
CONSTANTS: Mapping[str, str] = {
    "DeviceAvailable": "true",
    "HpcClusterId": "",
    "HttpEndpoint": "disabled",
    "HttpTokens": "optional",
    "InstanceChargeType": "PostPaid",
    "InstanceNetworkType": "vpc",
    "InternetChargeType": "PayByTraffic",
    "IoOptimized": "true",
    "KeyPairName": "",
    "SecurityGroupId": SECURITY_GROUP_ID,
    "VpcId": VPC_ID,
    "VSwitchId": VSWITCH_ID,
}

CPU_COUNT = len(os.sched_getaffinity(0))
ARCHITECTURE = "arm64" if os.uname().machine == "aarch64" else "x86_64"
MEMORY_MIB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def family(instance_type: str) -> str:
    """``ecs.g7`` of ``ecs.g7.large``."""
    return instance_type.rpartition(".")[0] or instance_type
