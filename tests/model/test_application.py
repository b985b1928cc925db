import pytest

from pgheadroom.model.application import family, real_client


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sidekiq 12", "sidekiq *"),
        ("worker-7f9c", "worker-*"),
        ("worker12", "worker*"),
        ("puma: cluster worker 3: 4711 [shop]", "puma: cluster worker *: * [shop]"),
        ("checkout-7d9f8b6c5d-x2x9k", "checkout-*"),
        ("job 3b241101-e2bb-4255-8caf-4136c566a962", "job *"),
        ("DBeaver 23.1.0 - Main", "DBeaver * - Main"),
        ("billing-v2", "billing-v2"),
        ("checkout", "checkout"),
        ("facade", "facade"),
        ("", ""),
        ("web - 10.0.0.5:41234", "web"),
        ("sidekiq 7 - 10.0.0.5:41234", "sidekiq *"),
        ("web - [fd00::5]:41234", "web"),
        ("web - unix(811@jump):6432", "web"),
        ("lunch - 12:30", "lunch - *:*"),
    ],
)
def test_processes_of_one_application_go_by_one_name(name: str, told: str) -> None:
    assert family(name) == told


def test_the_host_that_a_pooler_adds_is_the_real_client() -> None:
    assert real_client("10.0.0.1", "web - 10.9.9.9:41234") == "10.9.9.9"
    assert real_client("10.0.0.1", "web - fd00::5:41234") == "fd00::5"
    assert real_client("10.0.0.1", "web - unix(811@jump):6432") == "local"
    assert real_client("10.0.0.1", "web") == "10.0.0.1"
    assert real_client(None, "lunch - 12:30") is None
