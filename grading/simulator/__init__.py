"""A provider process for the demo and the tests: it speaks the OpenAI protocol and sees only the request."""
