"""What stops a job."""


class JobError(Exception):
    """The job cannot be done, or not to its end; its text is meant for the user."""
