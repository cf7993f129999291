#!/bin/sh
# Stands for reboot, poweroff, halt, shutdown, systemctl, telinit and init: asks the init of this
# instance, as their namesakes do on other machines.
init=@INIT@
schedule='@RUN@/schedule'
name=${0##*/}
verb=
force=
when=

fail() { echo "$name: $1" >&2; exit 1; }

ask() { # signals are explained in the init
    case $1$force in
    reboot) kill -TERM "$init" ;;
    rebootyes) kill -INT "$init" ;;
    poweroffyes | haltyes) kill -QUIT "$init" ;;
    *) kill -USR2 "$init" ;;
    esac || fail "this instance's init does not answer"
    exit 0
}

later() { # verb, minutes
    echo "$2 $1" >"$schedule.$$" && mv "$schedule.$$" "$schedule" && kill -HUP "$init" ||
        fail "this instance's init does not answer"
    [ -n "$1" ] && echo "$name: $1 in $2 minutes; 'shutdown -c' cancels it" >&2
    exit 0
}

case $name in
shutdown)
    verb=poweroff
    for word; do
        case $word in
        --reboot | -r*) verb=reboot ;;
        --poweroff | -P* | -h* | --halt | -H*) verb=poweroff ;;
        -c) later '' 0 ;;
        -k) exit 0 ;;
        --no-wall | -f | -F | -n | -a | -q) ;;
        -*) fail "no such option here: $word" ;;
        *) [ -n "$when" ] || when=$word ;;
        esac
    done
    when=${when:-+1}
    case $when in
    now | +0 | 0) ask $verb ;;
    +*[!0-9]* | *:* | *[!0-9+]*) fail "say when as 'now' or '+MINUTES', not '$when'" ;;
    *) later $verb "${when#+}" ;;
    esac
    ;;
telinit | init)
    case $1 in
    0) ask poweroff ;;
    6) ask reboot ;;
    *) fail "knows 0 (power off) and 6 (reboot) here" ;;
    esac
    ;;
reboot | poweroff | halt) verb=$name ;;
esac

for word; do
    case $word in
    reboot | poweroff | halt) [ "$name" = systemctl ] && [ -z "$verb" ] && verb=$word ;;
    --reboot) verb=reboot ;;
    -p | --poweroff) verb=poweroff ;;
    --halt) verb=halt ;;
    --force) force=yes ;;
    -w | --wtmp-only) exit 0 ;;
    --help) echo "usage: $name [--force]"; exit 0 ;;
    -[!-]*f* | -f) force=yes ;;
    -*) ;;
    *) [ -n "$verb" ] || fail "there is no systemd here; knows reboot, poweroff and halt" ;;
    esac
done
[ -n "$verb" ] || fail "there is no systemd here; knows reboot, poweroff and halt"
ask $verb
