"""Which hosts are served, refused, and passed on."""

from __future__ import annotations

import pytest

from cloudhand.passage.hosts import Place, place


@pytest.mark.parametrize(
    "host",
    [
        "ecs.cn-hangzhou.aliyuncs.com",
        "ecs-cn-hangzhou.aliyuncs.com",
        "ECS.CN-Hangzhou.AliyunCS.com.",
        "ecs.aliyuncs.com",
        "ecs.ap-southeast-1.aliyuncs.com",
        "ecs.cn-shenzhen-finance-1.aliyuncs.com",
        "ecs.rus-west-1.aliyuncs.com",
        "ecs-vpc.cn-hangzhou.aliyuncs.com",
        "oos.cn-beijing.aliyuncs.com",
        "oos-cn-beijing.aliyuncs.com",
        "ram.aliyuncs.com",
        "sts.aliyuncs.com",
        "sts-vpc.cn-hangzhou.aliyuncs.com",
        "location.aliyuncs.com",
        "vpc.aliyuncs.com",
        "vpc.cn-hangzhou.aliyuncs.com",
        "location-readonly.aliyuncs.com",
    ],
)
def test_the_products_are_served_in_every_spelling(host: str) -> None:
    assert place(host) is Place.SERVED


@pytest.mark.parametrize(
    "host",
    [
        "oss-cn-hangzhou.aliyuncs.com",
        "bucket.oss-cn-hangzhou.aliyuncs.com",
        "kms.aliyuncs.com",
        "rds.cn-hangzhou.aliyuncs.com",
        "aliyuncs.com",
        "aliyun.com",
        "account.aliyun.com",
        "ecs.console.aliyun.com",
        "ecs.cn-hangzhou.aliyun.com",
        "ecs-workbench.cn-hangzhou.aliyuncs.com",
        "evil.ecs.cn-hangzhou.aliyuncs.com",
        "ecs..aliyuncs.com",
        "oauth.alibabacloud.com",
        "kMs.AliyunCS.com..",
        "kms。aliyuncs。com",
        "ｋｍｓ.aliyuncs.com",
    ],
)
def test_the_rest_of_the_real_service_is_refused(host: str) -> None:
    assert place(host) is Place.REAL


@pytest.mark.parametrize(
    "host",
    [
        "100.100.100.200",
        "1684301000",
        "0x64.100.25800",
        "0144.0144.0144.0310",
        "169.254.169.254",
        "169.254.170.2",
        "[::ffff:100.100.100.200]",
        "::ffff:a9fe:a9fe",
        "64:ff9b::6464:64c8",
        "fd00:ec2::254",
        "fe80::a9fe:a9fe%eth0",
        "metadata.google.internal",
        "100.100.100.200.",
    ],
)
def test_metadata_is_refused_however_it_is_written(host: str) -> None:
    assert place(host) is Place.METADATA


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "pypi.org",
        "notaliyuncs.com",
        "aliyuncs.com.example.org",
        "127.0.0.1",
        "localhost",
        "::1",
        "100.100.100.201",
        "",
        "a" * 300,
        "ü" * 70,
    ],
)
def test_everything_else_passes_on(host: str) -> None:
    assert place(host) is Place.ELSEWHERE
