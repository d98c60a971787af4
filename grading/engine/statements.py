"""The writer's statements: each takes its rows as one JSON value, is fenced, and returns the ids that it was allowed to write."""

# ruff: noqa: S608 - put together from the constants of this file; values travel apart

_PREDICTION = "p.id = r.id AND p.fence = r.fence AND p.worker_id = %(worker)s"

_LEDGER_COLUMNS = """id, model_id, prediction_id, judgement_id, attempt, contributor_id, state, reserved_usd, cost_usd,
    is_estimated, price_version, at"""

# Write-ahead of a question to a model: the row says `asked`, and the ledger reserves, before the request leaves.
ASK = f"""
WITH r AS (SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id uuid, fence int, ledger uuid, model_id bigint,
        contributor_id uuid, reserved_usd numeric, price_version text)),
asked AS (
    UPDATE grading_prediction p SET state = 'asked', asked_at = clock_timestamp(), tries = p.tries + 1
    FROM r WHERE {_PREDICTION} AND p.state = 'waiting' RETURNING p.id, p.tries),
booked AS (
    INSERT INTO grading_ledger ({_LEDGER_COLUMNS})
    SELECT r.ledger, r.model_id, r.id, NULL, asked.tries, r.contributor_id, 'reserved', r.reserved_usd, NULL, false,
        r.price_version, clock_timestamp() FROM r JOIN asked USING (id))
SELECT id FROM asked
"""

_PAID = """
paid AS (
    UPDATE grading_ledger l SET state = r.ledger_state, cost_usd = r.cost_usd, is_estimated = r.is_estimated
    FROM r WHERE l.id = r.ledger AND l.state IN ('reserved', 'ambiguous'))"""

# The result of a call and its price, together. The price is a fact and is kept even when the fence refuses the result.
ANSWER = f"""
WITH r AS (SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id uuid, fence int, ledger uuid, ledger_state text,
        cost_usd numeric, is_estimated bool, state text, outcome text, outcome_detail text, outcome_counts jsonb, reply text,
        answer text, confidence int, prompt_tokens int, completion_tokens int, latency_ms int, delay_s float, is_kept bool)),
{_PAID},
held AS (
    UPDATE grading_prediction p SET state = r.state, outcome = r.outcome, outcome_detail = r.outcome_detail,
        outcome_counts = r.outcome_counts, reply = r.reply, answer = r.answer, confidence = r.confidence,
        prompt_tokens = r.prompt_tokens, completion_tokens = r.completion_tokens, latency_ms = r.latency_ms,
        answered_at = CASE WHEN r.is_kept THEN clock_timestamp() ELSE p.answered_at END,
        due_at = clock_timestamp() + r.delay_s * interval '1 second',
        worker_id = CASE WHEN r.is_kept THEN p.worker_id END
    FROM r WHERE {_PREDICTION} AND p.state = 'asked' RETURNING p.id)
SELECT id FROM held
"""

# Write-ahead of a question to the judge.
ASK_JUDGE = f"""
WITH r AS (SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id uuid, fence int, ledger uuid, judgement uuid,
        model_id bigint, contributor_id uuid, reserved_usd numeric, price_version text, attempt int, seat int, judge_version text)),
held AS (
    SELECT p.id FROM grading_prediction p JOIN r ON {_PREDICTION} WHERE p.state = 'answered' FOR UPDATE OF p),
asked AS (
    INSERT INTO grading_judgement (id, prediction_id, model_id, seat, attempt, judge_version, asked_at, outcome, outcome_detail,
        reply, extracted_answer, reasoning)
    SELECT r.judgement, r.id, r.model_id, r.seat, r.attempt, r.judge_version, clock_timestamp(), '', '', '', '', ''
    FROM r JOIN held USING (id)),
booked AS (
    INSERT INTO grading_ledger ({_LEDGER_COLUMNS})
    SELECT r.ledger, r.model_id, r.id, r.judgement, r.attempt, r.contributor_id, 'reserved', r.reserved_usd, NULL, false,
        r.price_version, clock_timestamp() FROM r JOIN held USING (id))
SELECT id FROM held
"""

JUDGED = f"""
WITH r AS (SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id uuid, ledger uuid, ledger_state text, cost_usd numeric,
        is_estimated bool, judgement uuid, outcome text, outcome_detail text, reply text, extracted_answer text, reasoning text,
        is_correct bool, confidence int)),
{_PAID}
UPDATE grading_judgement j SET answered_at = clock_timestamp(), outcome = r.outcome, outcome_detail = r.outcome_detail,
    reply = r.reply, extracted_answer = r.extracted_answer, reasoning = r.reasoning, is_correct = r.is_correct,
    confidence = r.confidence
FROM r WHERE j.id = r.judgement RETURNING r.id
"""

# Everything else that is said of a row: a verdict, a wait, a hand-back. Columns without a value stay as they are.
MARK = f"""
WITH r AS (SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id uuid, fence int, state text, outcome text,
        outcome_detail text, outcome_counts jsonb, verdict text, verdict_reason text, decided_by text, rule text,
        answer text, confidence int, delay_s float))
UPDATE grading_prediction p SET
    state = COALESCE(r.state, p.state), outcome = COALESCE(r.outcome, p.outcome),
    outcome_detail = COALESCE(r.outcome_detail, p.outcome_detail), outcome_counts = COALESCE(r.outcome_counts, p.outcome_counts),
    verdict = COALESCE(r.verdict, p.verdict), verdict_reason = COALESCE(r.verdict_reason, p.verdict_reason),
    decided_by = COALESCE(r.decided_by, p.decided_by), rule = COALESCE(r.rule, p.rule),
    answer = COALESCE(r.answer, p.answer), confidence = COALESCE(r.confidence, p.confidence),
    due_at = clock_timestamp() + COALESCE(r.delay_s, 0) * interval '1 second', worker_id = NULL
FROM r WHERE {_PREDICTION} RETURNING p.id
"""

_JUDGEMENT = "j.id = r.id AND j.fence = r.fence AND j.worker_id = %(worker)s AND j.due_at IS NOT NULL"

# The same three for a judgement that is its own job: the prediction is not touched.
ASK_AGAIN = f"""
WITH r AS (SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id uuid, fence int, ledger uuid, prediction uuid,
        model_id bigint, contributor_id uuid, reserved_usd numeric, price_version text)),
asked AS (
    UPDATE grading_judgement j SET asked_at = clock_timestamp() FROM r WHERE {_JUDGEMENT} RETURNING j.id, j.attempt),
booked AS (
    INSERT INTO grading_ledger ({_LEDGER_COLUMNS})
    SELECT r.ledger, r.model_id, r.prediction, r.id, asked.attempt, r.contributor_id, 'reserved', r.reserved_usd, NULL, false,
        r.price_version, clock_timestamp() FROM r JOIN asked USING (id))
SELECT id FROM asked
"""

JUDGED_AGAIN = f"""
WITH r AS (SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id uuid, fence int, ledger uuid, ledger_state text,
        cost_usd numeric, is_estimated bool, outcome text, outcome_detail text, reply text, extracted_answer text,
        reasoning text, is_correct bool, confidence int, next uuid, delay_s float)),
{_PAID},
held AS (
    UPDATE grading_judgement j SET answered_at = clock_timestamp(), outcome = r.outcome, outcome_detail = r.outcome_detail,
        reply = r.reply, extracted_answer = r.extracted_answer, reasoning = r.reasoning, is_correct = r.is_correct,
        confidence = r.confidence, due_at = NULL, worker_id = NULL
    FROM r WHERE {_JUDGEMENT} RETURNING j.*),
planned AS (
    INSERT INTO grading_judgement (id, prediction_id, model_id, seat, attempt, judge_version, requested_by_id, due_at, outcome,
        outcome_detail, reply, extracted_answer, reasoning)
    SELECT r.next, held.prediction_id, held.model_id, held.seat, held.attempt + 1, held.judge_version, held.requested_by_id,
        clock_timestamp() + r.delay_s * interval '1 second', '', '', '', '', ''
    FROM r JOIN held USING (id) WHERE r.delay_s IS NOT NULL)
SELECT id FROM held
"""

AGAIN_LATER = f"""
WITH r AS (SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id uuid, fence int, delay_s float))
UPDATE grading_judgement j SET due_at = clock_timestamp() + r.delay_s * interval '1 second', worker_id = NULL
FROM r WHERE {_JUDGEMENT} RETURNING j.id
"""

STATEMENTS = {
    "ask": ASK,
    "answer": ANSWER,
    "ask_judge": ASK_JUDGE,
    "judged": JUDGED,
    "mark": MARK,
    "ask_again": ASK_AGAIN,
    "judged_again": JUDGED_AGAIN,
    "again_later": AGAIN_LATER,
}
