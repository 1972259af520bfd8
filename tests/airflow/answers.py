"""A person who answers what a DAG run asks under "Required Actions".

Below Airflow 3.3 the question waits in a trigger that dag.test() cannot serve.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

#: What Airflow sends when the time for an answer is over.
UNANSWERED = {"error": "The time is over.", "error_type": "timeout"}


@contextmanager
def person(answer: Any) -> Iterator[list[Any]]:
    """Answer each question that comes up while the block runs; yield the questions.

    :param answer: an option, :data:`UNANSWERED`, or a function that is given the question (a ``HITLDetail``)
        and returns one of them.
    """
    asked: list[Any] = []
    failures: list[Exception] = []
    over = threading.Event()

    def decide(question: Any) -> Any:
        asked.append(question)
        try:
            return answer(question) if callable(answer) else answer
        except Exception as error:
            # The run goes on, so that the test ends.
            failures.append(error)
            return UNANSWERED

    def look() -> None:
        from sqlalchemy.exc import OperationalError

        answers: dict[Any, Any] = {}
        while not over.wait(0.2):
            # The run writes to the same SQLite file, and may keep it for longer than SQLite waits.
            with suppress(OperationalError):
                for question in _open_questions():
                    if (key := (question.ti_id, question.created_at)) not in answers:
                        answers[key] = decide(question)
                    _answer(question, answers[key])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield asked
    finally:
        over.set()
        thread.join()
    assert failures == []


def _open_questions() -> list[Any]:
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        found = (
            session.query(HITLDetail)
            .join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
            # dag.test() parks a task a second time, over an answer that came quickly: it is given again.
            .filter(TaskInstance.state == "awaiting_input")
            .all()
        )
        session.expunge_all()
        return found


def _answer(question: Any, answer: Any) -> None:
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import handle_event_submit
    from airflow.sdk.timezone import utcnow
    from airflow.triggers.base import TriggerEvent
    from airflow.utils.session import create_session

    with create_session() as session:
        detail = session.get(HITLDetail, question.ti_id)
        detail.responded_at = utcnow()
        detail.responded_by = {"id": "1", "name": "Ada"}
        if answer is not UNANSWERED:
            detail.chosen_options = [answer]
        event = UNANSWERED if answer is UNANSWERED else detail.as_resume_event_payload()
        task_instance = session.get(TaskInstance, question.ti_id)
        handle_event_submit(TriggerEvent(event), task_instance=task_instance, session=session)
