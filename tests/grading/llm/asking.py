"""How the tests ask: a provider of each dialect, a call with defaults."""

from grading import llm

TOKEN = "secret"
MODELS = {
    "openai_chat": "simulated-a",
    "openai_responses": "simulated-a",
    "openrouter": "vendor/simulated-routed",
    "compatible": "simulated-local",
}
DIALECTS = tuple(MODELS)


def provider(simulator, **changes):
    return llm.ProviderSpec(
        **{"slug": "simulated", "base_url": simulator.base_url, "api_key": TOKEN, "is_simulated": True, **changes}
    )


def spec(text, **changes):
    values = {"model": "simulated-a", "max_tokens": 1000, "request_id": "r-1", "timeout_s": 5.0, **changes}
    values = {"messages": [{"role": "user", "content": text}], **values}
    return llm.CallSpec(**values)


def ask(simulator, text, *, dialect="openai_chat", base_url=None, **changes):
    """One call in this dialect, to the model that the simulator lets speak it."""
    place = provider(simulator, dialect=dialect, base_url=base_url or simulator.base_url)
    return llm.run(llm.call(place, spec(text, **{"model": MODELS[dialect], **changes})), deadline_s=20)
