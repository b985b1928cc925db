"""An outage to rehearse on: embedded servers, and applications that misbehave on purpose."""
