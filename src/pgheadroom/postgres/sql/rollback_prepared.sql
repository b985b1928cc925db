-- nothing
ROLLBACK PREPARED %s
