"""Replays at work: workers, what they come to, and its report; prompts and searches within one."""
