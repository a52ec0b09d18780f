"""Recording a run, and going on with one that was interrupted."""
