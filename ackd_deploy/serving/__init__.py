"""The HTTP service over ``ackd_deploy.runtime``: an ASGI application of our own that BentoML carries.

BentoML gives lifecycle, workers, packaging and deployment. What a request goes through is ours, because a
small model answers in about a millisecond and every layer in front of it shows (docs/performance.md has the
measurements): read the body under limits, validate, tokenize, queue, run with whatever else is waiting.
"""
