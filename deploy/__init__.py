"""Everything that runs the services: the launcher for one machine, images, topics, dashboards."""
