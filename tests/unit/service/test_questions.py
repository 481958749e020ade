"""The service says what the command says, and refuses what it must."""

from __future__ import annotations

import re
from contextlib import suppress
from inspect import signature
from pathlib import Path

import pytest

from abag.apps.cli import main
from abag.apps.cli.serve import serve
from abag.apps.service.answers import ANTIGEN, HEAVY, LIGHT
from abag.apps.service.keys import Keys
from abag.apps.service.settings import ServiceSettings
from abag.apps.service.tasks import TASKS
from abag.errors import OptionError

PAIR = {"heavy": HEAVY, "light": LIGHT, "antigen": [ANTIGEN]}


def test_an_answer_is_that_of_the_command_to_the_byte(service, capsys):
    with suppress(SystemExit):
        main(["predict", "--heavy", HEAVY, "--light", LIGHT, "--antigen", ANTIGEN, "--json"])
    printed = capsys.readouterr().out
    assert service.post("/v1/predict", PAIR).text + "\n" == printed
    with suppress(SystemExit):
        main(["number", "--sequence", HEAVY, "--json"])
    printed = capsys.readouterr().out
    assert service.post("/v1/number", {"sequence": [HEAVY]}).text + "\n" == printed


def test_health_is_a_prediction(service):
    found = service.get("/health").json()
    assert found["status"] == "ok"
    assert found["model"] == service.post("/v1/predict", PAIR).json()["model_id"]


def test_a_chain_that_is_none_is_a_problem_document_that_says_so(service):
    answer = service.post("/v1/predict", {**PAIR, "heavy": "HELLO WORLD 42"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "'4' at residue" in answer.json()["detail"]


def test_an_unknown_field_is_named(service):
    answer = service.post("/v1/predict", {**PAIR, "antigens": []})
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["column"] == "antigens"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ('{"heavy": "EVQ",\n "light" "DIQ"}', "line 2, column 10 on, at '\"DIQ\"}'"),
        ('{"heavy": "EVQ"', "line 1, column 16 on, at the end of the text"),
        ("EVQ", "line 1, column 1 on, at 'EVQ'"),
    ],
)
def test_a_body_that_is_no_json_is_told_where_it_breaks(service, body, place):
    headers = {**service.headers, "Content-Type": "application/json"}
    answer = service.client.post("/v1/predict", content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"body: no JSON from {place}")
    assert [fault["column"] for fault in answer.json()["problems"]] == ["body"]


def test_every_answer_forbids_what_the_page_does_not_need(service):
    for path in ("/", "/health", "/v1/jobs", "/nowhere"):
        headers = service.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_another_site_that_was_made_to_lead_here_is_refused(service):
    answer = service.client.get("/v1/jobs", headers={"Host": "evil.example:8000"})
    assert answer.status_code == 421


def test_without_a_key_or_with_a_wrong_one_nothing_is_told(two_users):
    anna, _, nobody = two_users
    assert anna.get("/v1/jobs").status_code == 200
    assert nobody.get("/v1/jobs").status_code == 401
    nobody.headers = {"Authorization": "Bearer abag_wrong"}
    assert nobody.post("/v1/predict", PAIR).status_code == 401


def test_keys_are_kept_as_hashes_and_names_are_taken_once(tmp_path):
    keys = Keys(tmp_path)
    key = keys.new("anna")
    assert key not in (tmp_path / "keys.json").read_text()
    assert Keys(tmp_path).user_of(key) == "anna"
    assert Keys(tmp_path).user_of(key + "x") is None
    with pytest.raises(OptionError, match="there is a key of this name"):
        keys.new("anna")
    with pytest.raises(OptionError, match="a name has letters"):
        keys.new("../anna")


def test_keys_made_by_two_processes_both_stay_and_a_line_may_be_deleted(tmp_path):
    first, second = Keys(tmp_path), Keys(tmp_path)
    of_anna, of_bob = first.new("anna"), second.new("bob")
    assert [Keys(tmp_path).user_of(key) for key in (of_anna, of_bob)] == ["anna", "bob"]
    with pytest.raises(OptionError, match="there is a key of this name"):
        first.new("bob")
    path = tmp_path / "keys.json"
    path.write_text(path.read_text().replace(path.read_text().splitlines()[1], ""))
    assert [Keys(tmp_path).user_of(key) for key in (of_anna, of_bob)] == [None, "bob"]


def test_an_address_that_others_reach_needs_a_key(tmp_path):
    settings = ServiceSettings(data=tmp_path, host="0.0.0.0")
    with pytest.raises(OptionError, match="--new-key"):
        settings.require_guarded(keys=0)
    settings.require_guarded(keys=1)
    ServiceSettings(data=tmp_path, host="::1").require_guarded(keys=0)


def test_a_body_over_the_limit_is_refused_declared_or_not(service):
    big = b"A" * 600_000
    path, headers = "/v1/files?name=a.csv", {"Content-Type": "application/octet-stream"}
    assert service.client.post(path, content=big, headers=headers).status_code == 413

    def pieces():
        for _ in range(60):
            yield b"A" * 10_000

    assert service.client.post(path, content=pieces(), headers=headers).status_code == 413


def test_a_user_who_asks_too_often_waits(settings):
    from starlette.testclient import TestClient

    from abag.apps.service.api import make_app

    few = settings.model_copy(update={"requests_a_minute": 3})
    with TestClient(make_app(few), base_url="http://localhost") as client:
        codes = [client.get("/v1/jobs").status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]


def test_its_own_description_holds_examples(service):
    described = service.get("/openapi.json").json()
    pair = described["components"]["schemas"]["PairRequest"]
    assert pair["examples"] == [PAIR]
    assert {f"/v1/jobs/{kind}" for kind in TASKS} <= set(described["paths"])
    for task in TASKS.values():
        (example,) = described["components"]["schemas"][task.__name__]["examples"]
        task.model_validate(example)


@pytest.mark.parametrize("name", ["Containerfile", "abag.service"])
def test_what_starts_the_service_for_a_group_names_options_that_there_are(name):
    text = (Path(__file__).parents[3] / "container" / name).read_text(encoding="utf-8")
    command = text.partition("CMD" if name == "Containerfile" else "ExecStart=")[2].splitlines()[0]
    given = set(re.findall(r"--([a-z-]+)", command))
    assert "data" in given
    assert {one.replace("-", "_") for one in given} <= set(signature(serve).parameters)
