"""The faults, each a short story on a stage: what happens to a run, and what is asked at last."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.peers import line
from benchmarks.peers.stage import Played, Script, Stage
from benchmarks.peers.system import PATIENCE, Cannot

_AWAY = 12.0  # seconds for which a line is cut, or a controller away
_WORK = "echo one; sleep 15; echo two"  # a script in whose middle something happens
_WORKED = "one\ntwo"
_SAYS = Script(body=_WORK, exit_code=3, output=_WORKED)
# Long enough for whoever polls to have polled, on a busy machine too.
_LONG = Script(body="echo one; sleep 45; echo two", exit_code=3, output=_WORKED, limit=90)
_LINES = 300_000
_MUCH = "\n".join(f"line {number:09d}" for number in range(1, _LINES + 1))


@dataclass(frozen=True, kw_only=True)
class Fault:
    name: str
    title: str
    title_zh: str  # in Chinese
    story: str  # what happens, for the page of details
    play: Callable[[Stage], Played]


def _nothing(stage: Stage) -> Played:
    run, job = stage.begin(_SAYS)
    said = stage.system.last_word(job, PATIENCE)
    return Played(said=said, truth=stage.truth(run, _SAYS))


def _restart_at_the_end(stage: Stage) -> Played:
    script = Script(body=_WORK, output=_WORKED, then_restart=True)
    run, job = stage.begin(script)
    said = stage.system.last_word(job, PATIENCE)
    return Played(said=said, truth=stage.truth(run, script))


def _reboot_in_the_middle(stage: Stage) -> Played:
    body = "echo one; shutdown -r now; sleep 15; echo two"
    script = Script(body=body, output=_WORKED, limit=20)
    run, job = stage.begin(script)
    said = stage.system.last_word(job, PATIENCE)
    return Played(said=said, truth=stage.truth(run, script))


def _never_back(stage: Stage) -> Played:
    script = Script(body="echo one; sleep 45; echo two", output=_WORKED)
    run, job = stage.begin(script)
    stage.await_begun(run)
    line.cut()
    stage.machine.power_cut()
    said = stage.system.last_word(job, PATIENCE)
    return Played(said=said, truth=stage.truth(run, script))


def _controller_killed(stage: Stage) -> Played:
    run, job = stage.begin(_LONG)
    stage.await_known(run, job)
    stage.log("the controller is killed")
    stage.system.kill_controller()
    stage.await_ended(run)
    stage.log("the controller is started again")
    stage.system.start_controller()
    said = stage.system.last_word(job, PATIENCE)
    return Played(said=said, truth=stage.truth(run, _LONG))


def _cut_before_the_report(stage: Stage) -> Played:
    run, job = stage.begin(_LONG)
    stage.await_known(run, job)
    stage.log("the line is cut")
    line.cut()
    stage.await_ended(run)
    time.sleep(_AWAY)
    stage.log("the line is healed")
    line.heal()
    said = stage.system.last_word(job, PATIENCE)
    return Played(said=said, truth=stage.truth(run, _LONG))


def _half_open(stage: Stage) -> Played:
    """The controller's connections are gone; the machine knows nothing of it. Then a run."""
    stage.log("the line is cut, and the controller's ends of all connections are gone")
    line.cut()
    line.forget_connections()
    time.sleep(2)
    line.heal()
    stage.log("the line is healed")
    run, job = stage.begin(_SAYS)
    said = stage.system.last_word(job, PATIENCE)
    return Played(said=said, truth=stage.truth(run, _SAYS))


def _cancel(stage: Stage) -> Played:
    """Of the children one has a session of its own, and one has lost its parent, too."""
    script = Script(
        body="echo one; setsid sleep 301 & (setsid sleep 302 &); sleep 300; echo two",
        output=_WORKED,
        limit=600,
    )
    run, job = stage.begin(script)
    stage.await_known(run, job)
    cannot = stage.system.cancel(job)
    said = stage.system.last_word(job, PATIENCE)
    played = Played(said=said, truth=stage.truth(run, script, stop_asked=True))
    if isinstance(cannot, Cannot):
        return Played(said=said, truth=played.truth, cannot=cannot.source)
    return played


def _time_limit(stage: Stage) -> Played:
    deaf = 'sh -c "trap : TERM HUP INT; while :; do sleep 1; done"'
    script = Script(body=f"echo one; {deaf} & {deaf}", output="one", limit=10)
    run, job = stage.begin(script)
    said = stage.system.last_word(job, PATIENCE)
    return Played(said=said, truth=stage.truth(run, script, stop_asked=True))


def _full_disk(stage: Stage) -> Played:
    stage.machine.fill_disk()
    stage.log("the disk is full")
    run, job = stage.begin(_SAYS)
    said = stage.system.last_word(job, PATIENCE)
    return Played(said=said, truth=stage.truth(run, _SAYS))


def _agent_killed(stage: Stage) -> Played:
    run, job = stage.begin(_LONG)
    stage.await_known(run, job)
    number = stage.machine.kill(stage.system.is_agent)
    stage.log(f"{number} processes of the agent are killed")
    said = stage.system.last_word(job, PATIENCE)
    return Played(said=said, truth=stage.truth(run, _LONG))


def _asked_twice(stage: Stage) -> Played:
    run, job = stage.begin(_LONG)
    stage.await_known(run, job)
    stage.log("the controller is killed, started again, and asked the same once more")
    stage.system.kill_controller()
    stage.system.start_controller()
    job = stage.system.again(run, job)
    said = stage.system.last_word(job, PATIENCE)
    time.sleep(30)  # in which one that runs a second time begins
    return Played(said=said, truth=stage.truth(run, _LONG))


def _much_output(stage: Stage) -> Played:
    script = Script(body=f"seq -f 'line %09.0f' 1 {_LINES}", output=_MUCH)
    run, job = stage.begin(script)
    said = stage.system.last_word(job, PATIENCE)
    return Played(said=said, truth=stage.truth(run, script))


FAULTS = (
    Fault(
        name="nothing",
        title="Nothing goes wrong",
        title_zh="一切正常",
        story="A script prints two lines, fifteen seconds apart, and ends with exit code 3.",
        play=_nothing,
    ),
    Fault(
        name="restart",
        title="The machine restarts as the last act",
        title_zh="命令最后一步重启机器",
        story="The same, and the machine is to restart afterwards: exit code 194, `system.reboot`,"
        " the module `reboot`.",
        play=_restart_at_the_end,
    ),
    Fault(
        name="reboot",
        title="The script reboots in its middle",
        title_zh="脚本运行到一半时重启",
        story="The script calls `shutdown -r now` between its two lines; 20 s are allowed.",
        play=_reboot_in_the_middle,
    ),
    Fault(
        name="gone",
        title="The machine never comes back",
        title_zh="机器再也没有回来",
        story="Its line and its power are cut while the script runs.",
        play=_never_back,
    ),
    Fault(
        name="controller",
        title="The controller is killed in mid-run",
        title_zh="运行中控制端被杀",
        story="SIGKILL to all that runs on the controller's side. The script ends meanwhile. Then"
        " the controller is started again.",
        play=_controller_killed,
    ),
    Fault(
        name="cut",
        title="The line is cut before the report",
        title_zh="上报之前断线",
        story="Packets are dropped while the script ends, and for 12 s more.",
        play=_cut_before_the_report,
    ),
    Fault(
        name="half-open",
        title="Connections are half open",
        title_zh="连接半开",
        story="The controller's ends of all connections are gone, without a word to the machine."
        " Then the script is asked for.",
        play=_half_open,
    ),
    Fault(
        name="cancel",
        title="Cancel, with `setsid` children",
        title_zh="取消带 `setsid` 子进程的命令",
        story="A child with a session of its own, and one that has lost its parent, too; then the"
        " run is to be stopped.",
        play=_cancel,
    ),
    Fault(
        name="limit",
        title="Time limit, children ignore SIGTERM",
        title_zh="子进程忽略 SIGTERM 的命令超时",
        story="The script and a child of it ignore SIGTERM, and never end; 10 s are allowed.",
        play=_time_limit,
    ),
    Fault(
        name="disk",
        title="The machine's disk is full",
        title_zh="机器磁盘已满",
        story="To the last byte, before the script is asked for.",
        play=_full_disk,
    ),
    Fault(
        name="agent",
        title="The agent is killed in mid-run",
        title_zh="运行中 Agent 被杀",
        story="SIGKILL to the agent, the minion and what keeps it, or the ssh sessions; it is"
        " started again after a second, as a service manager does.",
        play=_agent_killed,
    ),
    Fault(
        name="again",
        title="The same request is sent twice",
        title_zh="同一请求发送两次",
        story="The controller is killed in mid-run and started again, and whoever asked asks again:"
        " with the same ClientToken, under the same job id, with the same playbook.",
        play=_asked_twice,
    ),
    Fault(
        name="output",
        title="Four megabytes of output",
        title_zh="四兆字节输出",
        story=f"{_LINES:,} numbered lines.",
        play=_much_output,
    ),
)
