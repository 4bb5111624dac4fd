-- A device that changed in the moment in which its model got another name kept the old one among
-- the words by which it is found: neither saw what the other had not committed yet. Now a device
-- waits for its models, that of before too, and whoever renames a model for its devices.

CREATE OR REPLACE FUNCTION describe_device() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM models WHERE id IN (OLD.model_id, NEW.model_id) ORDER BY id FOR SHARE;
    INSERT INTO device_search (device_id, text) VALUES (NEW.id, device_text(NEW))
    ON CONFLICT (device_id) DO UPDATE SET text = EXCLUDED.text
    WHERE device_search.text <> EXCLUDED.text;
    RETURN NULL;
END $$;

UPDATE device_search s SET text = device_text(d)
FROM devices d WHERE d.id = s.device_id AND s.text <> device_text(d);
