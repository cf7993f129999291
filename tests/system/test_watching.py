"""Who watches a control plane from outside."""

from __future__ import annotations

from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.system.place import Plane


def test_a_control_plane_is_watched_over_http(shared: Plane) -> None:
    shared.call("DescribeRegions")
    url = shared.client.endpoint.url
    for path, begins in (("healthz", "well\noverdue 0\n"), ("readyz", "ready\n")):
        with urlopen(f"{url}/{path}") as answer:
            assert answer.read().decode() == begins
    with urlopen(f"{url}/metrics") as answer:
        families = {one.name: one for one in text_string_to_metric_families(answer.read().decode())}
    samples = families["cloudhand_requests"].samples
    assert ("cloud", "200") in {(one.labels["face"], one.labels["status"]) for one in samples}
