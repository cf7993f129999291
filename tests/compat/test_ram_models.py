"""What is asked and answered about users, roles and policies is what the official SDKs declare."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ram20150501 import models as ram_models
from alibabacloud_sts20150401 import models as sts_models

from cloudhand.api.ram.operations import OPERATIONS as RAM_OPERATIONS
from cloudhand.api.sts.operations import OPERATIONS as STS_OPERATIONS
from tests.api.clients import RAM, STS, classic, hang_up
from tests.api.cloud import KEY, cloud
from tests.api.policies import document, trust
from tests.compat.fits import fields, misfits
from tests.compat.ram_rows import EXTENSIONS

MODELS = {**dict.fromkeys(RAM_OPERATIONS, ram_models), **dict.fromkeys(STS_OPERATIONS, sts_models)}
OPERATIONS = {
    name: operation
    for name, operation in {**RAM_OPERATIONS, **STS_OPERATIONS}.items()
    if name not in EXTENSIONS
}
Answers = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """All that was answered to each operation, as it came, while a story was told."""
    told: Answers = {}
    with cloud(tmp_path_factory.mktemp("models")) as it:
        ram, sts = classic(it.endpoint, sdk=RAM), classic(it.endpoint, sdk=STS)

        def call(action: str, **values: Any) -> Any:
            answer = (ram if action in RAM_OPERATIONS else sts)(action, **values)
            told.setdefault(action, []).append(answer)
            return answer

        call("GetCallerIdentity")
        call("CreateUser", UserName="ann", DisplayName="Ann", Comments="of the web team")
        call("GetUser", UserName="ann")
        call("ListUsers", MaxItems=1)
        key = call("CreateAccessKey", UserName="ann")["AccessKey"]
        call("ListAccessKeys", UserName="ann")
        call(
            "CreatePolicy",
            PolicyName="takes",
            PolicyDocument=document("sts:*"),
            Description="roles",
        )
        call(
            "CreatePolicyVersion",
            PolicyName="takes",
            PolicyDocument=document("sts:AssumeRole"),
            SetAsDefault=True,
        )
        call("CreateRole", RoleName="helper", AssumeRolePolicyDocument=trust("root"))
        for kind, name in (("User", "ann"), ("Role", "helper")):
            whose = {f"{kind}Name": name}
            for of, policy in (("Custom", "takes"), ("System", "ReadOnlyAccess")):
                call(f"AttachPolicyTo{kind}", PolicyType=of, PolicyName=policy, **whose)
                call("GetPolicy", PolicyType=of, PolicyName=policy)
            call(f"ListPoliciesFor{kind}", **whose)
        call("ListPolicies", MaxItems=2)
        call("GetRole", RoleName="helper")
        call("ListRoles")
        sts = classic(
            it.endpoint, sdk=STS, key_id=key["AccessKeyId"], secret=key["AccessKeySecret"]
        )
        call("GetCallerIdentity")
        arn = f"acs:ram::{KEY.account_id}:role/helper"
        call("AssumeRole", RoleArn=arn, RoleSessionName="night")
        mine = {"UserName": "ann", "UserAccessKeyId": key["AccessKeyId"]}
        call("UpdateAccessKey", Status="Inactive", **mine)
        call("DeleteAccessKey", **mine)
        for kind, name in (("User", "ann"), ("Role", "helper")):
            for of, policy in (("Custom", "takes"), ("System", "ReadOnlyAccess")):
                call(
                    f"DetachPolicyFrom{kind}",
                    PolicyType=of,
                    PolicyName=policy,
                    **{f"{kind}Name": name},
                )
            call(f"Delete{kind}", **{f"{kind}Name": name})
        call("DeletePolicy", PolicyName="takes")
        hang_up()
    return told


@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_are_what_the_sdk_declares(answers: Answers, name: str) -> None:
    models = MODELS[name]
    model = getattr(models, f"{name}ResponseBody")
    assert answers[name]
    for answer in answers[name]:
        assert list(misfits(models, model, answer)) == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_parameters_are_those_of_the_sdk(name: str) -> None:
    request = getattr(MODELS[name], f"{name}Request", None)
    known = set(fields(request)) if request else set()
    taken = {one for parameter in OPERATIONS[name].parameters.values() for one in parameter.names}
    assert taken == known
