"""Long work: queued, followed, cancelled, taken up again, and seen by its owner alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from abag.apps.service.answers import ANTIGEN, HEAVY, LIGHT
from abag.apps.service.api import files_of
from abag.apps.service.jobs import JobState, JobStore
from abag.apps.service.places import Places, all_places
from abag.apps.service.problems import without_folders
from abag.apps.service.settings import ServiceSettings
from abag.apps.service.tasks import TASKS
from abag.errors import MissingFileError, OptionError
from abag.files.recovery import old_name

TABLE = f"name,heavy,light,antigen\n=1+1,{HEAVY},{LIGHT},{ANTIGEN}\n".encode()


@pytest.fixture(scope="module")
def done(serve, tmp_path_factory) -> Iterator[tuple[Any, dict[str, dict[str, Any]], Path]]:
    """A service whose data folder is not named from the root, its finished jobs, and its place."""
    place = tmp_path_factory.mktemp("place")
    # One loop of three residues, so that the scan is short.
    scan = {"heavy": HEAVY, "light": LIGHT, "antigen": [ANTIGEN], "cdrs": ["L2"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        with serve(ServiceSettings(data=Path("own"))) as service:
            asked = {
                "predict-table": {"file": service.upload("pairs.csv", TABLE)},
                "scan": scan,
            }
            answers = {kind: service.post(f"/v1/jobs/{kind}", one) for kind, one in asked.items()}
            assert {kind: one.status_code for kind, one in answers.items()} == dict.fromkeys(
                asked, 202
            )
            jobs = {kind: service.finished(one.json()["id"]) for kind, one in answers.items()}
            yield service, jobs, place


def test_a_table_is_predicted_as_a_job_and_its_file_is_harmless(done):
    service, jobs, _ = done
    job = jobs["predict-table"]
    assert (job["state"], job["message"]) == ("done", "")
    assert job["files"] == ["predictions.csv", "result.json"]
    result = service.get(f"/v1/jobs/{job['id']}/result").json()
    assert result["predicted"] == 1
    answer = service.get(f"/v1/jobs/{job['id']}/files/predictions.csv")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert not any(line.startswith("=") for line in answer.text.splitlines())


def test_nothing_that_a_job_leaves_tells_a_folder_of_the_machine(done):
    """Nor must the data folder be named from the root: `--data abag-data` serves as well."""
    service, jobs, place = done
    for job in jobs.values():
        assert (job["state"], job["message"]) == ("done", "")
        for name in job["files"]:
            content = service.get(f"/v1/jobs/{job['id']}/files/{name}").content
            assert str(place).encode() not in content, name


def test_a_job_that_runs_too_long_is_ended_and_says_so(serve, tmp_path):
    settings = ServiceSettings(data=tmp_path / "data", job_minutes=0.005)
    with serve(settings) as service:
        asked = {"heavy": HEAVY, "light": LIGHT, "antigen": [ANTIGEN]}
        job = service.finished(service.post("/v1/jobs/scan", asked).json()["id"])
    assert (job["state"], "longer than 0.005 minutes" in job["message"]) == ("failed", True)


def test_a_result_is_there_until_its_days_are_over(serve, tmp_path):
    settings = ServiceSettings(data=tmp_path / "data", keep_days=1.0)
    with serve(settings) as service:
        ticket = service.upload("pairs.csv", TABLE)
        job = service.post("/v1/jobs/predict-table", {"file": ticket}).json()["id"]
        assert service.finished(job)["state"] == "done"
        path = f"/v1/jobs/{job}/files/predictions.csv"
        assert service.get(path).status_code == 200
        service.client.app.state.service.jobs._connection.execute(
            "update jobs set ended = ended - 90000"
        )
        service.client.app.state.service.runner._expire()
        assert [service.get(one).status_code for one in (path, f"/v1/jobs/{job}")] == [404, 404]
    assert not list((tmp_path / "data").rglob("pairs.csv"))


def test_a_faulty_table_says_where_and_nothing_of_the_machine(service, settings):
    ticket = service.upload("pairs.csv", TABLE + TABLE.splitlines()[1].replace(b"EVQ", b"E4Q"))
    asked = service.post("/v1/jobs/predict-table", {"file": ticket, "keep_going": False}).json()
    job = service.finished(asked["id"])
    assert job["state"] == "failed"
    assert "row 3" in job["message"]
    assert job["message"].startswith("pairs.csv")
    assert str(settings.data) not in job["message"]


def test_nobody_sees_the_jobs_files_and_models_of_another(two_users):
    anna, bert, _ = two_users
    ticket = anna.upload("pairs.csv", TABLE)
    job = anna.post("/v1/jobs/predict-table", {"file": ticket}).json()["id"]
    assert bert.get("/v1/jobs").json() == []
    for path in (f"/v1/jobs/{job}", f"/v1/jobs/{job}/result", f"/v1/jobs/{job}/files/log.txt"):
        assert bert.get(path).status_code == 404
    assert bert.post(f"/v1/jobs/{job}/cancel").status_code == 404
    assert bert.post("/v1/jobs/predict-table", {"file": ticket}).status_code == 404


@pytest.mark.parametrize(
    "name", ["../../keys.json", "..", "a/b", "/etc/passwd", "", ".x", "a\x00b"]
)
def test_a_path_in_a_name_leads_nowhere(service, name):
    for kind, field in (("predict-table", "file"), ("campaign-plate", "campaign")):
        assert service.post(f"/v1/jobs/{kind}", {field: name}).status_code in (404, 422)
    assert service.get("/v1/jobs/x/files/..%2F..%2Fjobs.sqlite").status_code == 404


def test_a_value_that_begins_with_a_hyphen_is_no_option(service):
    ticket = service.upload("pairs.csv", TABLE)
    asked = {"file": ticket, "map": ["--out=/somewhere"]}
    job = service.finished(service.post("/v1/jobs/predict-table", asked).json()["id"])
    assert job["state"] == "failed"
    assert "unknown column '--out'" in job["message"]


def test_a_job_is_cancelled_while_it_waits_and_while_it_runs(service):
    asked = {"heavy": HEAVY, "light": LIGHT, "antigen": [ANTIGEN]}
    running = service.post("/v1/jobs/scan", asked).json()["id"]
    waiting = service.post("/v1/jobs/scan", asked).json()["id"]
    assert service.post(f"/v1/jobs/{waiting}/cancel").json()["state"] == "cancelled"
    while service.get(f"/v1/jobs/{running}").json()["state"] == "queued":
        time.sleep(0.05)
    assert service.post(f"/v1/jobs/{running}/cancel").json()["state"] == "cancelled"
    assert service.post(f"/v1/jobs/{running}/cancel").status_code == 409


def test_what_a_killed_service_left_running_is_done_by_the_next(tmp_path: Path):
    store = JobStore(tmp_path / "jobs.sqlite")
    job = store.add("local", "scan", {}, 10)
    assert store.take() is not None
    store.close()  # killed: the row still says "running"
    again = JobStore(tmp_path / "jobs.sqlite")
    (left,) = again.running()
    again.requeue(left.id)
    taken = again.take()
    assert taken is not None
    assert taken.id == job.id


def test_a_job_that_is_over_stays_as_it_ended(tmp_path: Path):
    store = JobStore(tmp_path / "jobs.sqlite")
    job = store.add("local", "scan", {}, 10)
    store.end(job.id, JobState.CANCELLED)
    store.end(job.id, JobState.DONE)
    found = store.of_user(job.id, "local")
    assert found is not None
    assert found.state is JobState.CANCELLED


def test_one_user_cannot_queue_without_end(tmp_path: Path):
    store = JobStore(tmp_path / "jobs.sqlite")
    for _ in range(3):
        store.add("anna", "scan", {}, most_waiting=3)
    with pytest.raises(OptionError, match="3 jobs wait already"):
        store.add("anna", "scan", {}, most_waiting=3)
    store.add("bert", "scan", {}, most_waiting=3)


def test_hidden_files_and_those_of_the_service_are_not_listed(tmp_path: Path):
    for name in ("scan/scan.csv", ".result.json", "log.txt", "progress.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert files_of(tmp_path) == ["scan/scan.csv"]


def test_a_message_keeps_the_users_file_and_loses_the_machines_folders(tmp_path: Path):
    said = (
        f"{tmp_path}/users/anna/uploads/12/a b.csv: 1 problem\n  row 2: in {tmp_path}/x/y.csv now"
    )
    assert without_folders(said, tmp_path) == "a b.csv: 1 problem\n  row 2: in y.csv now"
    said = "uploads/0123456789abcdef/a b.csv: see models/m1, and not by models/hour or a/models/b"
    told = "a b.csv: see m1, and not by hour or a/models/b"
    assert without_folders(said, tmp_path) == told


def test_every_kind_of_job_says_what_it_is():
    for task in TASKS.values():
        assert task.__doc__
        assert task.command.__doc__


def test_a_deleted_job_takes_its_upload_with_it_unless_another_job_reads_it(service, settings):
    ticket = service.upload("pairs.csv", TABLE)
    place = settings.data / "users" / "local" / "uploads" / ticket
    jobs = [service.post("/v1/jobs/predict-table", {"file": ticket}).json()["id"] for _ in range(2)]
    left = []
    for job in jobs:
        service.post(f"/v1/jobs/{job}/cancel")
        assert service.client.delete(f"/v1/jobs/{job}").status_code == 204
        left.append(place.exists())
    assert left == [True, False]


def test_an_upload_that_nothing_read_expires_with_the_jobs_of_its_days(tmp_path: Path):
    places = Places(tmp_path, "anna")
    ticket, path = places.upload("pairs.csv")
    path.write_bytes(TABLE)
    then = path.parent.stat().st_mtime
    for before, left in ((then - 1.0, True), (then + 1.0, False)):
        (one,) = all_places(tmp_path)
        one.remove_uploads(before)
        assert path.exists() is left
    with pytest.raises(MissingFileError, match=ticket):
        places.uploaded(ticket)


def test_a_model_whose_replacement_was_killed_between_two_renames_is_there(tmp_path: Path):
    places = Places(tmp_path, "anna")
    model = places.named("model", "mine")
    model.mkdir()
    (model / "model.json").write_text("{}")
    model.rename(old_name(model))
    assert places.all_of("model") == ["mine"]
    assert files_of(places.existing("model", "mine")) == ["model.json"]


def test_a_job_that_is_cancelled_and_deleted_as_it_begins_takes_no_worker_with_it(service):
    """Whatever the moment: the one worker goes on to the next job."""
    ticket = service.upload("pairs.csv", TABLE)
    for _ in range(12):
        job = service.post("/v1/jobs/predict-table", {"file": ticket}).json()["id"]
        service.post(f"/v1/jobs/{job}/cancel")
        service.client.delete(f"/v1/jobs/{job}")
        ticket = service.upload("pairs.csv", TABLE)
    last = service.post("/v1/jobs/predict-table", {"file": ticket}).json()["id"]
    assert service.finished(last)["state"] == "done"
