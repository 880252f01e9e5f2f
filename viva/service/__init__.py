"""What every service is made of besides its own work: settings, logs, request ids, errors, metrics, serving."""
