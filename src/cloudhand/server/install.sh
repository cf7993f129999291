#!/bin/sh
# Install the agent of Cloudhand on this machine, under systemd; or, with --uninstall, remove it.
# All that it needs is in it. Twice, it changes nothing.
set -eu

SERVER='@SERVER@'
ACTIVATION_ID='@ACTIVATION_ID@'
ACTIVATION_CODE='@ACTIVATION_CODE@'

LIBRARY=/usr/local/lib/cloudhand-agent
PROGRAM=/usr/local/bin/cloudhand-agent
UNIT=/etc/systemd/system/cloudhand-agent.service
STATE=/var/lib/cloudhand-agent
NAME=cloudhand-agent.service
LOCK=/run/cloudhand-agent.lock
BOUND=60 # seconds for the agent to come online
PATIENCE=120 # seconds for another installation to end

usage() {
    cat <<'END'
usage: sh install.sh [--name NAME] [--tag KEY=VALUE]... [--proxy URL] [--new] [--uninstall]

  --name NAME      of this machine; else as the activation says, or its host name
  --tag KEY=VALUE  a label of this machine; may be repeated
  --proxy URL      http://HOST:PORT that leads to the control plane; else CLOUDHAND_PROXY or https_proxy
  --new            join as another machine, whatever this one has joined before
  --uninstall      leave the control plane, and remove all that was installed
END
}

fail() {
    echo "cloudhand: $*" >&2
    exit 1
}

main() {
    uninstall=
    proxy=${CLOUDHAND_PROXY:-}
    options=
    again=--if-needed
    while [ $# -gt 0 ]; do
        case $1 in
            --uninstall) uninstall=1 ;;
            --new) again=--force ;;
            --name | --tag | --proxy)
                [ $# -gt 1 ] || fail "$1 needs a value"
                case $1 in
                    --proxy) proxy=$2 ;;
                    *) options="$options $1 $(quoted "$2")" ;;
                esac
                shift
                ;;
            -h | --help)
                usage
                exit 0
                ;;
            *) fail "cannot understand '$1'; see --help" ;;
        esac
        shift
    done
    [ "$(id -u)" = 0 ] || fail "be root: pipe this into 'sudo sh'"
    [ -d /run/systemd/system ] || fail "this machine does not run systemd; docs/how-to/join-a-machine.md tells how to start the agent by hand"
    if [ -n "$uninstall" ]; then
        if [ -e "$LIBRARY/published" ]; then published_uninstaller | sh; else uninstaller | sh; fi
    else
        alone
        # What is there stays; a machine that can have our agent gets no other.
        if [ ! -e "$LIBRARY/published" ] && python=$(find_python); then
            install
        elif [ -e "$STATE/identity.json" ]; then
            fail "its agent needs Python 3.9 or later with its standard library, which this machine had"
        else
            install_published
        fi
    fi
}

quoted() {
    printf "'"
    printf %s "$1" | sed "s/'/'\\\\''/g"
    printf "'"
}

# Who does it twice at once, or again while it still goes on, joins once all the same.
alone() {
    if command -v flock >/dev/null; then
        exec 9>"$LOCK"
        flock -w "$PATIENCE" 9 || fail "another installation goes on here since $PATIENCE seconds"
    fi
}

install() {
    # From a place of its own, until it is known that nothing is in the way.
    trial=$(mktemp -d)
    trap 'rm -rf "$trial"' EXIT
    agent >"$trial/agent"
    set -- --server "$SERVER"
    case $SERVER in
        https:*)
            authority >"$trial/ca.pem"
            set -- "$@" --ca "$trial/ca.pem"
            ;;
    esac
    # Not among its words, which others of this machine may look at; and neither is the code.
    export CLOUDHAND_PROXY="$proxy"
    "$python" "$trial/agent" doctor "$@" || fail "mend that, and paste the line again"
    eval "set -- \"\$@\" $options"
    before=$(cksum "$STATE/identity.json" 2>/dev/null) || before=
    printf '%s\n' "$ACTIVATION_CODE" |
        "$python" "$trial/agent" register "$@" "$again" --activation-id "$ACTIVATION_ID" --activation-code - ||
        fail "nothing was installed"
    umask 022
    mkdir -p "$LIBRARY"
    changed=
    [ "$(cksum "$STATE/identity.json")" = "$before" ] || changed=1
    # Of two slots that which runs now, if it has been installed before.
    slot=$(cat "$LIBRARY/current" 2>/dev/null) || slot=a
    put "$LIBRARY/$slot.pyz" 755 agent
    put "$LIBRARY/$slot.json" 644 manifest
    put "$LIBRARY/current" 644 current
    put "$LIBRARY/release-key" 644 release_key
    put "$LIBRARY/uninstall" 755 uninstaller
    put "$UNIT" 644 unit
    put "$PROGRAM" 755 program
    rm -f "$LIBRARY/cloudhand-agent.pyz" # of releases that had one slot
    systemctl daemon-reload
    systemctl --quiet enable "$NAME"
    # One that is not online rests, or speaks as who it was before.
    "$PROGRAM" status >/dev/null 2>&1 || changed=1
    if [ -n "$changed" ]; then systemctl restart "$NAME"; else systemctl start "$NAME"; fi
    waited=0
    until told=$("$PROGRAM" status 2>&1); do
        waited=$((waited + 1))
        [ "$waited" -lt "$BOUND" ] || fail "it is installed, but is not online after $BOUND seconds: $told; \`journalctl -u $NAME\` tells why"
        sleep 1
    done
    echo "$told"
}

# Write a file of what a command says, unless it is there as it should be.
put() {
    "$3" >"$1.part"
    chmod "$2" "$1.part"
    if cmp -s "$1.part" "$1"; then
        rm "$1.part"
    else
        mv "$1.part" "$1"
        changed=1
    fi
}

find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 /usr/libexec/platform-python; do
        found=$(command -v "$python") || continue
        if "$found" -c 'import json, ssl, sys, zipfile; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
            echo "$found"
            return 0
        fi
    done
    return 1
}

# Kept beside the agent, so that it can be removed without the control plane.
uninstaller() {
    cat <<'END'
#!/bin/sh
# Remove the agent of Cloudhand from this machine, with all that it keeps.
set -eu
[ "$(id -u)" = 0 ] || { echo "cloudhand: be root" >&2; exit 1; }
if [ -e /var/lib/cloudhand-agent/identity.json ]; then
    /usr/local/bin/cloudhand-agent deregister ||
        echo "cloudhand: it stays among the instances; deregister it there" >&2
fi
systemctl stop cloudhand-agent.service 2>/dev/null || true # apart, since old systemds know no --now
systemctl --quiet disable cloudhand-agent.service 2>/dev/null || true
# What scripts left behind outlives a restart of the agent, and ends with it here.
systemctl kill --signal=SIGKILL cloudhand-agent.service 2>/dev/null || true
rm -rf /usr/local/lib/cloudhand-agent /var/lib/cloudhand-agent
rm -f /usr/local/bin/cloudhand-agent /etc/systemd/system/cloudhand-agent.service
systemctl daemon-reload
systemctl reset-failed cloudhand-agent.service 2>/dev/null || true
echo removed
END
}

# By the Python that was found: the agent's first line may name none, or an old one.
program() {
    cat <<END
#!/bin/sh
exec $python "$LIBRARY/\$(cat $LIBRARY/current).pyz" "\$@"
END
}

current() {
    printf %s "$slot"
}

unit() {
    cat <<END
[Unit]
Description=Cloudhand agent
Documentation=file:$LIBRARY
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=$PROGRAM run --slots $LIBRARY
Restart=always
# It was refused, or could not begin: another start would end the same.
RestartPreventExitStatus=1
# What a script started goes on when the agent is restarted, and the next one follows it.
KillMode=process
# The agent makes a cgroup for each script below its own, and nobody else is to arrange them.
Delegate=yes

[Install]
WantedBy=multi-user.target
END
}

authority() {
    cat <<'END'
@AUTHORITY@
END
}

# By which the agent knows another release as newer, and as one of this control plane.
manifest() {
    cat <<'END'
@MANIFEST@
END
}

release_key() {
    tr -d '\n' <<'END'
@RELEASE_KEY@
END
}

agent() {
    base64 -d <<'END'
@AGENT@
END
}

@PUBLISHED_AGENT@
main "$@"
