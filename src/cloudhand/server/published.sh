# On a machine that our agent does not run on: the published one, where the operator has it.

ASSIST=/usr/local/share/aliyun-assist
SETTINGS=/etc/sysconfig/aliyun
ASSIST_UNIT=/etc/systemd/system/aliyun.service
ASSIST_NAME=aliyun.service

install_published() {
    server=${SERVER#https://}
    [ "$server" != "$SERVER" ] || lacking "the published agent speaks https alone, and this control plane was started without --tls"
    known=
    kept= # digest and version of the one that is installed
    if [ -e "$LIBRARY/published" ]; then
        kept=$(cat "$LIBRARY/published")
        # Without settings it was cut off while it was installed.
        [ ! -e "$SETTINGS" ] || grep -qxF "ALIYUN_ASSIST_SERVER_HOST=$server" "$SETTINGS" ||
            fail "this machine has joined another control plane: $LIBRARY/uninstall leaves it"
        [ -n "$proxy" ] || proxy=$(sed -n 's/^ALIYUN_ASSIST_PROXY=//p' "$SETTINGS" 2>/dev/null) || true
        [ ! -s "$ASSIST/hybrid/instance-id" ] || known=1
        [ -z "$known" ] || [ "$again" != --force ] ||
            fail "the published agent joins as another machine only anew: $LIBRARY/uninstall, and the line again"
    elif [ -e "$ASSIST" ] || [ -e "$SETTINGS" ] || systemctl cat "$ASSIST_NAME" >/dev/null 2>&1; then
        fail "an agent of another Cloud Assistant is installed here ($ASSIST, $SETTINGS or $ASSIST_NAME): remove it, and paste the line again"
    fi
    read_options
    digest=$(offered)
    [ -n "$digest$known" ] || lacking "$(missing_program)"
    for tool in curl openssl; do
        command -v "$tool" >/dev/null || lacking "$tool is needed to join with the published agent: install it"
    done
    version=${kept#* }
    trial=
    trap 'rm -rf "$trial"; [ -n "$known" ] || { published_uninstaller | sh; } >/dev/null 2>&1' EXIT
    [ -z "$digest" ] || { [ "$digest" = "${kept% *}" ] && [ -x "$ASSIST/$version/aliyun-service" ]; } || fetch
    umask 022
    changed=
    mkdir -p "$LIBRARY" "$ASSIST/$version" "${SETTINGS%/*}"
    put "$LIBRARY/published" 644 mark
    put "$LIBRARY/ca.pem" 644 authority
    put "$LIBRARY/ask" 755 asker
    put "$LIBRARY/uninstall" 755 published_uninstaller
    put "$SETTINGS" 600 settings
    put "$ASSIST_UNIT" 644 published_unit
    if [ -n "$trial" ]; then
        mv "$trial/aliyun-service" "$ASSIST/$version/aliyun-service"
        changed=1
    fi
    for one in "$ASSIST"/[0-9]*; do # of versions before
        [ "$one" = "$ASSIST/$version" ] || rm -rf "$one"
    done
    systemctl daemon-reload
    if [ -n "$known" ]; then
        [ -z "$options" ] || echo "it has joined already; its name and tags stay" >&2
    else
        register
    fi
    systemctl --quiet enable "$ASSIST_NAME"
    if [ -n "$changed" ]; then systemctl restart "$ASSIST_NAME"; else systemctl start "$ASSIST_NAME"; fi
    bounds
    wait_for_published
}

# Why this machine cannot join: who reads it may mend either.
lacking() {
    fail "no Python 3.9 or later with its standard library (more than python3-minimal) found; and $*"
}

# The name and the tags that were given, as words for the published agent.
read_options() {
    case $proxy in
        '' | http://?*) ;;
        *) fail "the published agent takes a proxy as http://HOST:PORT" ;;
    esac
    case $proxy in
        *[!A-Za-z0-9.:/@_%~+-]*) fail "the published agent takes no such proxy: write what is odd in it as %XX" ;;
    esac
    words=
    eval "set -- $options"
    while [ $# -gt 0 ]; do
        case $1 in
            --name) words="$words --InstanceName $(quoted "$2")" ;;
            --tag)
                case $2 in
                    *=*=*) fail "the published agent takes no tag with a second = in it, as $2 has" ;;
                    ?*=*) words="$words --tag $(quoted "$2")" ;;
                    *) fail "a tag is KEY=VALUE, which $2 is not" ;;
                esac
                ;;
        esac
        shift 2
    done
}

# As Go names processors; the best for this machine first.
processors() {
    case $(uname -m) in
        x86_64 | amd64) echo amd64 386 ;;
        i?86) echo 386 ;;
        aarch64 | arm64) echo arm64 ;;
        *) uname -m ;;
    esac
}

# The digest of the program for this machine; nothing if there is none.
offered() {
    for one in $(processors); do
        programs | sed -n "s/^$one //p"
    done | head -n 1
}

missing_program() {
    printf 'no published agent for linux-%s in %s of the control plane: put its aliyun-service there, or a tar, zip or deb with it' \
        "$(processors | cut -d ' ' -f 1)" "$(folder)"
    obstacles | while read -r one; do [ -z "$one" ] || printf '; %s' "$one"; done
}

# From the control plane alone; beside where it will be, since nothing may be run from /tmp here.
fetch() {
    mkdir -p "${ASSIST%/*}"
    trial=$(mktemp -d "$ASSIST.XXXXXX")
    authority >"$trial/ca.pem"
    # The agent goes where the proxy that is named says, whatever the environment does.
    unset HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
    # Not among the words of curl, which others of this machine may look at.
    export https_proxy="$proxy"
    told=$(curl -fsS --connect-timeout 10 --cacert "$trial/ca.pem" --output "$trial/aliyun-service" "$SERVER/agents/$digest" 2>&1) ||
        fail "cannot fetch the published agent from the control plane: $told (it goes by --proxy alone, and not by https_proxy)"
    [ "$(sha256sum <"$trial/aliyun-service" | cut -d ' ' -f 1)" = "$digest" ] ||
        fail "what came is not the published agent that the control plane has: paste the line again"
    chmod 755 "$trial/aliyun-service"
    told=$("$trial/aliyun-service" --version 2>&1) || fail "the published agent does not run on this machine: $told"
    version=$(printf '%s\n' "$told" | grep -Eo '[0-9]+(\.[0-9]+){3}' | head -n 1)
    # One before does not sign what it says to any but its vendor's control plane.
    case $version in
        *.*.3.*) [ "${version##*.}" -ge 578 ] || version= ;;
        *.*.[0-2].*) version= ;;
    esac
    [ -n "$version" ] || fail "the published agent is too old: it says that it is '$told', and the first that can join is 2.x.3.578"
}

# The agent tells how it went in words: its exit code says nothing.
register() {
    eval "set -- $words"
    # Its code is among its words, for a moment: there is no other way to tell it.
    told=$(with_settings "$ASSIST/$version/aliyun-service" --register --RegionId "$(region)" \
        --ActivationId "$ACTIVATION_ID" --ActivationCode "$ACTIVATION_CODE" "$@" 2>&1) || true
    if [ ! -s "$ASSIST/hybrid/instance-id" ]; then
        fail "nothing was installed: the published agent was not let in: $(printf %s "$told" | tr '\n' ' ')"
    fi
    known=1
    changed= # it has been started just now
    echo "registered as $(cat "$ASSIST/hybrid/instance-id")"
}

bounds() {
    cat <<END
This machine has the published agent $version, and not ours, which needs Python 3.9. What that one cannot give:
- A result can be lost: nothing of it is on disk. Who restarts the agent, or its machine, is told that, and not how the command ended.
- exit 193 and 194 stop and restart the machine whether or not the result has arrived, and whatever the governor says.
- A restart is seen by how long the machine has been up, which proves less than a boot id.
- A timeout or a stop ends the shell alone; what it has started goes on. (From 2.x.3.631 on TerminationMode=ProcessTree ends all.)
- Of the output of a command 6 KB are told while it runs; 24 KB are kept, and no more can be had.
- After the control plane was away it may not hear of commands for up to half an hour; those end as Aborted.
- Scripts lie on its disk: those with secrets while they run, and others may stay.
- It does not read /etc/cloudhand/agent.toml, and \`cloudhand agent upgrade\` does not reach it.
With Python 3.9 or later there: $LIBRARY/uninstall, and the line again.
END
}

wait_for_published() {
    waited=0
    until published_online; do
        waited=$((waited + 1))
        [ "$waited" -lt "$BOUND" ] || fail "it is installed, but is not online after $BOUND seconds: $told; \`journalctl -u $ASSIST_NAME\` tells why"
        sleep 1
    done
    echo "$(cat "$ASSIST/hybrid/instance-id") online"
}

published_online() {
    told=$("$LIBRARY/ask" GET /luban/api/v1/cloudhand/status 2>&1) || return 1
    case $told in *'"online": true'*) ;; *) return 1 ;; esac
}

# What was installed, so that it is fetched once.
mark() {
    echo "${digest:-${kept% *}} $version"
}

settings() {
    echo "ALIYUN_ASSIST_SERVER_HOST=$server"
    echo "ALIYUN_ASSIST_CERT_PATH=$LIBRARY/ca.pem"
    [ -z "$proxy" ] || echo "ALIYUN_ASSIST_PROXY=$proxy"
}

# Run something as the unit does; no list of processes shows a proxy's password.
with_settings() {
    while read -r one; do
        export "$one"
    done <"$SETTINGS"
    exec "$@"
}

# With the bounds of the published one, in words that old systemds know.
published_unit() {
    cat <<END
[Unit]
Description=Cloud Assistant, the published agent
Documentation=file:$LIBRARY
After=network-online.target
Wants=network-online.target

[Service]
EnvironmentFile=$SETTINGS
ExecStart=$ASSIST/$version/aliyun-service
Restart=on-failure
RestartSec=120
StartLimitInterval=3600
StartLimitBurst=10
KillMode=process

[Install]
WantedBy=multi-user.target
END
}

# The agent does not say whether it is online, nor whether it could deregister.
asker() {
    cat <<'END'
#!/bin/sh
# Ask the control plane something as this machine: METHOD PATH. It is signed as the published agent does.
set -eu
known=/usr/local/share/aliyun-assist/hybrid
server=
proxy=
while IFS='=' read -r name value; do
    case $name in
        ALIYUN_ASSIST_SERVER_HOST) server=$value ;;
        ALIYUN_ASSIST_PROXY) proxy=$value ;;
    esac
done </etc/sysconfig/aliyun
unset HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
export https_proxy="$proxy" # among no words that others could look at
id=$(cat "$known/instance-id")
at=$(date +%s)000
request=$(cat /proc/sys/kernel/random/uuid)
signature=$(printf %s "$id$(cat "$known/machine-id")$at$request" |
    openssl dgst -md5 -sign "$known/pri-key" -binary | openssl base64 -A)
exec curl -fsS --max-time 10 --cacert /usr/local/lib/cloudhand-agent/ca.pem \
    --request "$1" --header "x-acs-instance-id: $id" --header "x-acs-timestamp: $at" \
    --header "x-acs-request-id: $request" --header "x-acs-signature: $signature" "https://$server$2"
END
}

# Kept where that of our agent is, so that it can be removed without the control plane.
published_uninstaller() {
    cat <<'END'
#!/bin/sh
# Remove the published agent from this machine, with all that it keeps.
set -eu
[ "$(id -u)" = 0 ] || { echo "cloudhand: be root" >&2; exit 1; }
if [ -s /usr/local/share/aliyun-assist/hybrid/instance-id ]; then
    /usr/local/lib/cloudhand-agent/ask POST /luban/api/instance/deregister >/dev/null ||
        echo "cloudhand: it stays among the instances; deregister it there" >&2
fi
systemctl stop aliyun.service 2>/dev/null || true # apart, since old systemds know no --now
systemctl --quiet disable aliyun.service 2>/dev/null || true
# What scripts left behind outlives a restart of the agent, and ends with it here.
systemctl kill --signal=SIGKILL aliyun.service 2>/dev/null || true
rm -rf /usr/local/lib/cloudhand-agent /usr/local/share/aliyun-assist
rm -f /etc/sysconfig/aliyun /etc/systemd/system/aliyun.service
rmdir /etc/sysconfig 2>/dev/null || true # which not every system has
systemctl daemon-reload
systemctl reset-failed aliyun.service 2>/dev/null || true
echo removed
END
}

region() {
    cat <<'END'
@REGION@
END
}

# On the control plane.
folder() {
    cat <<'END'
@FOLDER@
END
}

# Processor and digest.
programs() {
    cat <<'END'
@PROGRAMS@
END
}

obstacles() {
    cat <<'END'
@OBSTACLES@
END
}
