-- nothing
ALTER SYSTEM SET %s TO %s -- for set
ALTER SYSTEM RESET %s -- for reset
