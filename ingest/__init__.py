"""From the broker to committed rows: decode, resolve, batch, COPY, acknowledge."""
