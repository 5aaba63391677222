"""What Spectile uses of other libraries that they don't promise to keep, a module a library.

Everything here says what it is, what it is needed for and the first version that has it in this
place; tests/test_compat.py fails first where a library moves it. Each module imports its library
alone, so that nobody waits for another one.
"""
