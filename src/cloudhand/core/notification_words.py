"""What messages say to people, in their language; short enough for every chat. Pure.

No word of what a script has said or was given is in them: chats are read by others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudhand.core.notification import Language, News, Occasion

_SIZE = 1900  # bytes in UTF-8; WeCom takes 2048
_NAMES = 10  # machines of one line
_NAME = 40  # characters of one


@dataclass(frozen=True, kw_only=True)
class _Words:
    test: str
    failed: str
    failed_execution: str
    failed_upgrade: str
    look: str
    exit_code: str
    gone: str
    back: str
    not_back: str
    not_down: str
    overdue: str
    not_overdue: str
    more: str  # machines
    rest: str  # lines
    comma: str
    named: str
    colon: str


_WORDS = {
    Language.ENGLISH: _Words(
        test="Cloudhand: this is a test of the channel {name}. It works.",
        failed="{id}{command} failed on {count} of {total}",
        failed_execution="{id}{command} failed",
        failed_upgrade="the agent of {name} was not upgraded to {release} ({status})",
        look="  see: {look}",
        exit_code="exit code {code}",
        gone="agents gone ({count})",
        back="agents back ({count})",
        not_back="not back after a restart ({count})",
        not_down="not seen to stop when asked to ({count})",
        overdue="past the deadline, and nobody decides: {what}; see the log of the control plane",
        not_overdue="nothing is past its deadline any more",
        more=" and {count} more",
        rest="... and {count} more lines",
        comma=", ",
        named=" ({name})",
        colon=": ",
    ),
    Language.CHINESE: _Words(
        test="Cloudhand：这是通道 {name} 的测试消息，通道可用。",
        failed="{id}{command} 在 {total} 台机器中有 {count} 台失败",
        failed_execution="{id}{command} 执行失败",
        failed_upgrade="{name} 的 Agent 没有升级到 {release}（{status}）",
        look="  查看：{look}",
        exit_code="退出码 {code}",
        gone="失联（{count} 台）",
        back="恢复联系（{count} 台）",
        not_back="重启后没有恢复（{count} 台）",
        not_down="没有按要求停机（{count} 台）",
        overdue="已超过期限却没有结论：{what}；请查看控制面日志",
        not_overdue="已经没有超过期限的任务",
        more=" 等，另有 {count} 台",
        rest="…… 另有 {count} 行",
        comma="、",
        named="（{name}）",
        colon="：",
    ),
}


def text_of_test(name: str, language: Language) -> str:
    return _WORDS[language].test.format(name=name)


def text(news: Sequence[News], *, account: str, language: Language) -> str:
    """A headline, and a line or two for each thing; machines that go together are one line."""
    words = _WORDS[language]
    lines = [f"Cloudhand {account}{words.colon.rstrip()}", *_lines(news, words)]
    kept, size = 0, 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > _SIZE:
            break
        kept += 1
    if kept < len(lines):
        kept = max(kept - 1, 1)  # so that there is room to say so
        lines = [*lines[:kept], words.rest.format(count=len(lines) - kept)]
    return "\n".join(lines)


def _lines(news: Sequence[News], words: _Words) -> list[str]:
    found: list[str] = []
    for one in news:
        if one.occasion is Occasion.FAILED:
            found += _of_failure(one, words)
        elif one.occasion is Occasion.OVERDUE:
            found.append(_of_overdue(one, words))
    for said, some in (
        (words.not_back, [one for one in _of(news, Occasion.NOT_BACK) if not _stops(one)]),
        (words.not_down, [one for one in _of(news, Occasion.NOT_BACK) if _stops(one)]),
        (words.gone, _of(news, Occasion.AGENT_GONE)),
        (words.back, _of(news, Occasion.AGENT_GONE, over=True)),
    ):
        if some:
            names = sorted(_name(one.facts, one.about) for one in some)
            told = words.colon + _list(names, len(names), words)
            found.append(said.format(count=len(some)) + told)
    return found


def _of(news: Sequence[News], occasion: Occasion, *, over: bool = False) -> list[News]:
    return [one for one in news if one.occasion is occasion and one.over is over]


def _stops(news: News) -> bool:
    return news.facts.get("kind") == "stop"


def _of_failure(news: News, words: _Words) -> list[str]:
    facts = news.facts
    look = words.look.format(look=facts["look"])
    if "release" in facts:
        line = words.failed_upgrade.format(
            name=_name(facts, news.about), release=facts["release"], status=facts["status"]
        )
        return [line, look]
    name = short(str(facts["name"]))
    known = {"id": news.about, "command": words.named.format(name=name) if name else ""}
    if "machines" not in facts:
        return [words.failed_execution.format(**known), look]
    line = words.failed.format(count=facts["failedCount"], total=facts["totalCount"], **known)
    machines = [
        _name(one, one["instanceId"]) + words.named.format(name=_why(one, words))
        for one in facts["machines"]
    ]
    return [line + words.colon + _list(machines, facts["failedCount"], words), look]


def _why(machine: Mapping[str, Any], words: _Words) -> str:
    if machine["status"] == "Failed" and machine["exitCode"] is not None:
        return words.exit_code.format(code=machine["exitCode"])
    return short(str(machine["errorCode"] or machine["status"]))


def _of_overdue(news: News, words: _Words) -> str:
    if news.over:
        return words.not_overdue
    counts = words.comma.join(f"{count} {noun}" for noun, count in news.facts["counts"].items())
    return words.overdue.format(what=counts)


def _list(names: Sequence[str], count: int, words: _Words) -> str:
    """``count``: of all that they are some of."""
    shown = names[:_NAMES]
    more = words.more.format(count=count - len(shown)) if count > len(shown) else ""
    return words.comma.join(shown) + more


def _name(facts: Mapping[str, Any], instance_id: str) -> str:
    return short(str(facts.get("instanceName") or instance_id))


def short(text: str, *, size: int = _NAME) -> str:
    """In one line, however long it is and whatever stands in it. ``size``: characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= size else f"{line[: size - 1]}…"
