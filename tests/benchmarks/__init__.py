"""The numbers of the project, each as a ratio against a limit or a peer measured in the same run."""
