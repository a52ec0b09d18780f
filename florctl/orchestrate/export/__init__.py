"""Values on their way out of flor: into tables, TensorBoard's event files, MLflow's stores."""
