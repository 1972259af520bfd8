from __future__ import annotations


def test_a_run_retries_without_waiting_and_returns_what_its_tasks_pushed(run_dag):
    run = run_dag("harness_probe", {"greeting": "hello"})
    assert run.state == "success"
    assert run.tasks == {"greet": "success"}
    assert run.tries == {"greet": 2}
    assert run.result("greet") == "hello"
