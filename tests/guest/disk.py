"""What a virtual guest starts from: a kernel and a disk of Debian, made by an ordinary user.

They are made once, and again when what is written here changes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.guest import debian

_PACKAGES = (
    *debian.PACKAGES,
    "udev",
    "linux-image-cloud-amd64",
    "nftables",
    "qemu-guest-agent",
)
# Emulated, each byte that is read takes its time.
_LEFT_OUT = ("doc", "info", "locale", "man")
_EARLY = """\
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list > "$1/etc/initramfs-tools/conf.d/small"
printf '%s\\n' virtio_pci virtio_blk ext4 > "$1/etc/initramfs-tools/modules"
""".rstrip()
# The machine that QEMU runs on is 10.0.2.2 inside. So that a control plane has the same address on
# either side, what is asked at those ports of 127.0.0.1 that its kernel chooses goes there; what is
# asked at others stays inside.
_CHOSEN = "-".join(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
_SETTLED = """\
cat > "$1/etc/systemd/network/wire.network" <<END
[Match]
Type=ether
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
END
echo net.ipv4.conf.all.route_localnet=1 > "$1/etc/sysctl.d/wire.conf"
cat > "$1/etc/nftables.conf" <<END
table ip wire {
  chain out {
    type nat hook output priority -100
    ip daddr 127.0.0.1 tcp dport PORTS dnat to 10.0.2.2
  }
  chain after {
    type nat hook postrouting priority 100
    ip saddr 127.0.0.1 ip daddr 10.0.2.2 snat to 10.0.2.15
  }
}
END
chroot "$1" systemctl enable systemd-networkd nftables
chroot "$1" systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer
chroot "$1" systemctl mask e2scrub_all.timer e2scrub_reap.service getty@tty1 serial-getty@ttyS0
""".rstrip().replace("PORTS", _CHOSEN)
# In a folder that has root.tar. Two machines with one machine-id would be taken for the same.
_UNPACKED = """\
mkdir root
tar --extract --directory root --exclude './dev/*' --file root.tar
cp root/vmlinuz kernel
cp root/initrd.img initrd
rm -r root/boot root/vmlinuz* root/initrd.img*
: > root/etc/machine-id
(cd root && find . -type f -print0 | xargs -0 sha256sum --zero) > digests
mke2fs -q -t ext4 -d root disk 4G
rm -r root root.tar
"""


@dataclass(frozen=True, kw_only=True)
class Start:
    """Files that guests share, and do not change."""

    kernel: Path
    initrd: Path
    disk: Path  # raw
    digests: Path  # of the files on it, as sha256sum writes them

    def known(self) -> dict[str, str]:
        """The digest of each file on the disk, by its name."""
        lines = self.digests.read_text().split("\0")[:-1]
        return {
            name.removeprefix("./"): digest
            for digest, _, name in (line.partition("  ") for line in lines)
        }


def start() -> Start:
    words = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(_PACKAGES)}"]
    words += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
    words += [f"--essential-hook={_EARLY}", f"--customize-hook={_SETTLED}", debian.RELEASE]
    recipe = "\n".join((*words, _UNPACKED))
    whole = debian.CACHE / f"disk-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not whole.exists():
        part = whole.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        subprocess.run([*words, str(part / "root.tar")], check=True, env=debian.OUTSIDE)
        # Who is not root cannot give files to others: fakeroot remembers whose they are.
        words = ["fakeroot", "sh", "-ec", _UNPACKED]
        subprocess.run(words, check=True, cwd=part, env=debian.OUTSIDE)
        part.rename(whole)
    return Start(
        kernel=whole / "kernel",
        initrd=whole / "initrd",
        disk=whole / "disk",
        digests=whole / "digests",
    )


def of_folder(folder: Path, disk: Path) -> None:
    """Make a disk with the files of a folder."""
    words = ["mke2fs", "-q", "-t", "ext4", "-d", str(folder), str(disk), "8G"]
    subprocess.run(words, check=True, env=debian.OUTSIDE)
