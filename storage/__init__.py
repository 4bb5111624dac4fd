"""The database: schema, named queries, connections and the COPY writer."""
