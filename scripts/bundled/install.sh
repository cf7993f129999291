#!/bin/sh
# Install Cloudhand from the files beside this one, without a network.
set -eu
unset CDPATH
umask 022

usage() {
    cat <<END
sh install.sh [--agent] [--prefix DIR] [--python PROGRAM]

Installs Cloudhand @VERSION@ from this folder, without a network. It needs
@NEEDS@.

  --agent           the agent alone, for any Python from 3.9 on
  --prefix DIR      where it goes, with nothing outside of it; else /opt/cloudhand, or
                    /opt/cloudhand-agent, with its command in /usr/local/bin; for
                    whoever is not root in ~/.local/share and ~/.local/bin
  --python PROGRAM  the Python to take

Exit codes: 0 installed; 1 it could not be; 2 not understood.
END
}

fail() {
    echo "install.sh: $1" >&2
    exit "${2:-1}"
}

agent= prefix= python=
while [ $# -gt 0 ]; do
    case $1 in
    --agent) agent=yes ;;
    --prefix | --python)
        [ -n "${2:-}" ] || fail "$1 needs a value" 2
        [ "$1" = --prefix ] && prefix=$2 || python=$2
        shift
        ;;
    --help | -h) usage && exit 0 ;;
    *) fail "cannot understand $1: see sh install.sh --help" 2 ;;
    esac
    shift
done

name=cloudhand${agent:+-agent} bin=
if [ -z "$prefix" ]; then
    if [ "$(id -u)" = 0 ]; then
        prefix=/opt/$name bin=/usr/local/bin
    else
        [ -n "${HOME:-}" ] || fail "cannot find your home directory: set HOME, or say --prefix" 2
        prefix=$HOME/.local/share/$name bin=$HOME/.local/bin
    fi
fi
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
case $python in [!/]*/*) python=$PWD/$python ;; esac

cd "$(dirname "$0")"

command -v sha256sum >/dev/null || fail "sha256sum is missing, to check what is here"
if ! told=$(LC_ALL=C sha256sum -c SHA256SUMS 2>&1); then
    echo "$told" | grep -v ': OK$' >&2
    fail "this is not the bundle as it was made: fetch it again. Nothing was installed"
fi

fits() { # PROGRAM CONDITION
    "$1" -I -c "import sys; sys.exit(not ($2))" 2>/dev/null
}

find_python() { # CONDITION WHAT
    if [ -n "$python" ]; then
        fits "$python" "$1" || fail "it needs $2, and $python is none"
        return
    fi
    for python in python@PYTHON@ python3 /usr/bin/python3; do
        ! fits "$python" "$1" || return 0
    done
    fail "it needs $2, and there is none: name one with --python"
}

# What to type for it, once it is found as a command.
place() {
    typed=$prefix/bin/$name
    [ -n "$bin" ] || return 0
    mkdir -p "$bin"
    if [ -e "$bin/$name" ] && [ ! -L "$bin/$name" ]; then
        echo "install.sh: $bin/$name is there already, and stays" >&2
        return 0
    fi
    ln -sfn "$typed" "$bin/$name"
    [ "$(command -v "$name")" != "$bin/$name" ] || typed=$name
}

if [ -n "$agent" ]; then
    find_python 'sys.version_info >= (3, 9)' 'Python 3.9 or later'
    mkdir -p "$prefix/bin"
    cp cloudhand-agent "$prefix/bin/.cloudhand-agent.new"
    chmod 755 "$prefix/bin/.cloudhand-agent.new"
    mv -f "$prefix/bin/.cloudhand-agent.new" "$prefix/bin/cloudhand-agent"
    place
    echo "The agent of Cloudhand @VERSION@ is in $prefix."
    echo "Next: $typed register --help    join, with an activation of the control plane"
    exit 0
fi

ours="sys.implementation.name == 'cpython' and '%d.%d' % sys.version_info[:2] == '@PYTHON@'"
find_python "$ours" 'CPython @PYTHON@'
mark=$prefix/.cloudhand-bundle
if [ -e "$prefix" ] && [ ! -f "$mark" ] && [ -n "$(ls -A "$prefix")" ]; then
    fail "$prefix holds something else: say another --prefix"
fi
[ -e "$prefix" ] && fresh= || fresh=yes
# One that another Python was for is made anew.
fits "$prefix/bin/python" "$ours" && clear= || clear=--clear
"$python" -I -m venv --without-pip $clear "$prefix" || fail "cannot make $prefix"
echo @VERSION@ >"$mark"
# pip takes what has these digests, and whatever else lies there is none of its business.
if ! "$prefix/bin/python" -I wheels/@PIP@/pip --isolated -q install \
    --disable-pip-version-check --no-cache-dir --no-index --find-links wheels \
    --require-hashes --force-reinstall -r requirements.txt; then
    [ -z "$fresh" ] || rm -rf "$prefix"
    fail "pip could not install it; it needs @NEEDS@"
fi
place
cat <<END
Cloudhand @VERSION@ is in $prefix.
Next: $typed up                try it, here and now
      $typed server install    have systemd run it, as root
      $typed invite            the line that joins a machine, with the agent in it
END
