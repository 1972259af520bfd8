"""docker-compose.yaml without Docker: its form, its secrets, and that its commands and settings exist."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docker-compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LINES = (ROOT / "tests" / "sandbox" / "compose.env").read_text().splitlines()
SANDBOX = {
    name: value.strip("'")
    for name, sep, value in (line.partition("=") for line in LINES)
    if sep and name[0] != "#"
}
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?:(:?[-?])([^}]*))?\}")
AIRFLOW_PARTS = ("api-server", "scheduler", "dag-processor", "triggerer", "worker-1", "worker-2")


def filled_in(value: str, variables: dict[str, str]) -> str:
    """What Compose makes of ``${...}``."""

    def one(match: re.Match[str]) -> str:
        default = match[3] if match[2] == ":-" else ""
        return variables.get(match[1]) or default

    return VARIABLE.sub(one, value).replace("$$", "$")


def environment_of(service: str) -> dict[str, str]:
    return {name: filled_in(str(value), SANDBOX) for name, value in SERVICES[service]["environment"].items()}


def test_it_has_everything_that_a_distributed_airflow_needs():
    assert set(SERVICES) == {"postgres", "redis", "s3", "airflow-init", "sandbox", *AIRFLOW_PARTS}
    assert SERVICES["sandbox"]["profiles"] == ["sandbox"]
    assert all("profiles" not in service for name, service in SERVICES.items() if name != "sandbox")


def test_every_image_is_pinned():
    for name, service in SERVICES.items():
        tag = service["image"].partition("@")[0].rpartition(":")[2]
        assert re.search(r"\d|local", tag), name
        assert tag != "latest"
        assert tag == "local" or re.search(r"@sha256:[0-9a-f]{64}$", service["image"]), name
    assert re.search(
        r"FROM apache/airflow:3\.\S+@sha256:[0-9a-f]{64}\n", COMPOSE["x-build"]["dockerfile_inline"]
    )
    assert "FROM apache/airflow:3." in COMPOSE["x-build"]["dockerfile_inline"]


def test_the_store_speaks_where_the_workers_look_for_it():
    """SeaweedFS serves S3 on 8333 and takes its one account from these variables."""
    store = SERVICES["s3"]
    endpoint = json.loads(environment_of("worker-1")["AIRFLOW_CONN_STAGING"])["extra"]["endpoint_url"]
    assert endpoint == "http://s3:8333"
    assert "http://localhost:8333/healthz" in store["healthcheck"]["test"]
    worker = environment_of("worker-1")
    assert environment_of("s3") == {
        name: worker[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }


def test_the_images_are_not_of_those_that_nobody_publishes_any_more():
    assert "minio/" not in TEXT
    assert "bitnami" not in TEXT


def test_a_password_may_hold_any_character():
    variables = {**SANDBOX, "POSTGRES_PASSWORD": 'p@s:s/w"o#rd', "S3_SECRET_KEY": 's"e@c\\ret'}
    for name in AIRFLOW_PARTS:
        made = {key: filled_in(str(value), variables) for key, value in SERVICES[name]["environment"].items()}
        assert urlsplit(made["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]).hostname == "postgres"
        assert urlsplit(made["AIRFLOW__CELERY__RESULT_BACKEND"]).hostname == "postgres"
        assert json.loads(made["AIRFLOW_CONN_STAGING"])["conn_type"] == "aws"
        assert made["PGPASSWORD"] == variables["POSTGRES_PASSWORD"]
        assert made["AWS_SECRET_ACCESS_KEY"] == variables["S3_SECRET_KEY"]


def test_the_password_of_the_database_is_where_its_clients_look_for_it():
    """libpq (psycopg2) and asyncpg take PGPASSWORD for a URL without a password."""
    assert "airflow@postgres" in environment_of("scheduler")["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert environment_of("scheduler")["PGPASSWORD"] == environment_of("postgres")["POSTGRES_PASSWORD"]


def test_an_env_file_reaches_neither_git_nor_the_image(tmp_path):
    build = COMPOSE["x-build"]["dockerfile_inline"]
    copied = [line.split()[2:-1] for line in build.splitlines() if line.startswith("COPY")]
    assert {name for names in copied for name in names} == {
        *("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE"),
        *("mode_catalog_provider", "dags", "tests"),
    }
    ignored = set((ROOT / ".dockerignore").read_text().splitlines())
    assert {"**/.env", "**/.env.*", "**/*.env"} <= ignored
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    names = [".env", ".env.local", "prod.env", "deploy/.env", ".env.example", "tests/sandbox/compose.env"]
    done = subprocess.run(
        ["git", "-C", str(tmp_path), "check-ignore", *names], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == names[:4]


def test_the_example_of_an_env_file_names_every_variable_that_is_asked_for():
    required = {match[1] for match in VARIABLE.finditer(TEXT) if match[2] == ":?"}
    named = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert required <= named
    assert named - required == {"AIRFLOW_BASE_URL"}


@pytest.mark.parametrize("workflow", ["ci.yaml", "release.yaml"])
def test_every_action_is_pinned_by_commit_and_leaves_no_credentials_behind(workflow):
    folder = ROOT / ".github" / "workflows"
    assert {path.name for path in folder.iterdir()} == {"ci.yaml", "release.yaml"}
    text = (folder / workflow).read_text()
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", one) for one in used), used
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


def test_nothing_is_open_to_other_machines():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8080:8080"]


def test_a_worker_has_time_to_finish_what_it_does():
    for name in ("worker-1", "worker-2"):
        assert SERVICES[name]["stop_grace_period"] == "1m"
        assert environment_of(name)["DUMB_INIT_SETSID"] == "0"
        assert environment_of(name).items() > environment_of("scheduler").items()
        assert SERVICES[name]["depends_on"]["api-server"] == {"condition": "service_healthy"}


def test_everything_that_keeps_running_has_a_health_check():
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"airflow-init"}


def test_every_volume_and_every_dependency_is_declared():
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_no_secret_has_a_default():
    defaults = {match[1]: match[3] for match in VARIABLE.finditer(TEXT) if match[2] in ("-", ":-")}
    assert set(defaults) == {"AIRFLOW_BASE_URL"}
    # A variable that is asked for at one place may be used plainly at others.
    required = {match[1] for match in VARIABLE.finditer(TEXT) if match[2] == ":?"}
    assert {match[1] for match in VARIABLE.finditer(TEXT)} == required | set(defaults)
    assert {"POSTGRES_PASSWORD", "S3_SECRET_KEY", "AIRFLOW_JWT_SECRET", "AIRFLOW_FERNET_KEY"} <= required


def test_the_sandboxs_values_are_complete_and_good_for_nothing_else():
    required = {match[1] for match in VARIABLE.finditer(TEXT) if match[2] == ":?"}
    assert required <= set(SANDBOX)
    for name, value in SANDBOX.items():
        if re.search("SECRET|PASSWORD|KEY", name):
            assert re.search("sandbox|c2FuZGJveC", value), name


def test_the_staging_area_and_the_lock_are_in_the_store_that_all_workers_see(monkeypatch):
    from mode_catalog_provider.dags.settings import read_settings

    seen = set()
    for name in AIRFLOW_PARTS:
        for variable, value in environment_of(name).items():
            if variable.startswith("AIRFLOW__MODE_CATALOG__"):
                monkeypatch.setenv(variable, value)
        settings = read_settings()
        seen.add((settings.output_dir, settings.lock_path, settings.output_conn_id))
        assert environment_of(name)["AWS_SECRET_ACCESS_KEY"] == SANDBOX["S3_SECRET_KEY"]
    assert seen == {("s3://mode-catalog/staging", "s3://mode-catalog/staging/.lock", "staging")}


def test_every_setting_is_one_that_airflow_knows():
    from airflow.configuration import conf
    from airflow.providers_manager import ProvidersManager

    known = dict(conf.configuration_description)
    for _, sections in ProvidersManager().provider_configs:  # Airflow 3.1 keeps theirs apart
        known.update(sections)
    for variable in environment_of("scheduler"):
        if variable.startswith("AIRFLOW__"):
            _, section, option = variable.lower().split("__")
            assert option in known[section]["options"], variable


def test_the_distributed_tests_start_airflow_with_every_setting_that_is_made_here(tmp_path):
    """They take the commands from this file, and the settings by the same names, with other addresses."""
    from tests.distributed.stack import DistributedAirflow

    native = DistributedAirflow(home=tmp_path, dags=tmp_path, environment={})
    settings = {name for name in environment_of("scheduler") if name.startswith("AIRFLOW__")}
    assert {name for name in settings - set(native.environment) if "MODE_CATALOG" not in name} == set()


def test_every_command_is_one_that_airflow_knows():
    program = (
        "import sys; from airflow.cli.cli_parser import get_parser\n"
        "for line in sys.argv[1:]: get_parser().parse_args(line.split())"
    )
    commands = [SERVICES[name]["command"] for name in AIRFLOW_PARTS]
    # The executor's own commands exist only where it is configured.
    env = {**os.environ, "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"}
    subprocess.run([sys.executable, "-c", program, *commands, "db migrate"], check=True, timeout=200, env=env)


def test_the_sandbox_takes_its_arguments():
    from tests.sandbox.__main__ import _parser

    service = SERVICES["sandbox"]
    assert service["entrypoint"] == ["python", "-m", "tests.sandbox"]
    options = _parser().parse_args(service["command"])
    assert json.loads(SANDBOX["AIRFLOW_CONN_MODE_DEFAULT"])["host"] == f"http://sandbox:{options.port_mode}"


def test_the_bucket_is_made_once(s3, monkeypatch):
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    script = SERVICES["airflow-init"]["command"][0]
    assert script.count("/entrypoint") == 2
    [code] = re.findall(r'python -c "\n(.*?)"\n', script, flags=re.DOTALL)
    monkeypatch.setenv("AIRFLOW_CONN_STAGING", s3.connection())
    for _ in range(2):
        exec(compile(code, "airflow-init", "exec"), {})
    assert S3Hook("staging").check_for_bucket("mode-catalog")


@pytest.mark.parametrize("missing", ["${AIRFLOW_FERNET_KEY:?", "${S3_ACCESS_KEY:?"])
def test_compose_itself_refuses_to_start_without_secrets(missing):
    assert missing in TEXT
