"""Reading Python source: loops, names, rewriting, matching. The standard library's ast only; pure."""
