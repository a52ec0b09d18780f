"""The tests: a folder for each floor, and one each for what crosses floors."""
