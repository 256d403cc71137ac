from tests.training_fixtures import new_run, one_thread, recipe

__all__ = ["new_run", "one_thread", "recipe"]
