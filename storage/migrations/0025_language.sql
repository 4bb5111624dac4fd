-- In which language Grafana speaks to the people of a park or a tenant. ADR 0028.
ALTER TABLE parks ADD language text NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'id'));
ALTER TABLE tenants ADD language text NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'id'));
SELECT audited('parks'), audited('tenants');
